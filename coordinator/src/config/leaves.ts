// The schema as a flat list of settings, each with its path, its environment variable and its place in a file.
import { z } from "zod";
import { HindcastConfig } from "./schema.ts";

export interface Leaf {
  /** `campaign.limits.stepsMax`. */
  path: string;
  /** `HINDCAST_LIMITS_STEPS_MAX`: the path without its section; `HINDCAST_INDEX_EMBEDDER` where that would say too little. */
  variable: string;
  schema: z.ZodType;
  description: string;
}

/** Sections without which a variable's name would say too little. */
const sectionsInNames = new Set(["index", "admission", "storage", "sandbox"]);

export const leaves: readonly Leaf[] = leavesOf(HindcastConfig, []);
const byPath = new Map(leaves.map((leaf) => [leaf.path, leaf]));

/** Paths of objects, which a file may nest into: `campaign`, `campaign.limits`, … */
export const sections: ReadonlySet<string> = new Set(
  leaves.flatMap(({ path }) =>
    path.split(".").flatMap((_, i, parts) => (i === 0 ? [] : [parts.slice(0, i).join(".")])),
  ),
);

export function leafAt(path: string): Leaf | undefined {
  return byPath.get(path);
}

function leavesOf(schema: z.ZodObject, path: string[]): Leaf[] {
  return Object.entries(schema.shape).flatMap(([key, value]) => {
    const here = [...path, key];
    if (value instanceof z.ZodObject) return leavesOf(value, here);
    const leaf = value as z.ZodType;
    return [{ path: here.join("."), variable: variableOf(here), schema: leaf, description: leaf.description ?? "" }];
  });
}

function variableOf(path: string[]): string {
  const isNamedWhole = path.length === 1 || sectionsInNames.has(path[0] ?? "");
  const words = (isNamedWhole ? path : path.slice(1)).join("_");
  return `HINDCAST_${words.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** Kinds of text that become a value; read off the JSON Schema, the public form of what a schema accepts. */
interface Shape {
  type: "string" | "number" | "integer" | "boolean" | "array";
  isNullable: boolean;
}

function shapeOf(schema: z.ZodType): Shape {
  const json = z.toJSONSchema(schema, { io: "input" }) as { type?: Shape["type"]; anyOf?: { type: string }[] };
  const types = (json.anyOf ?? [json]).map(({ type }) => type);
  return {
    type: (types.find((type) => type !== "null") ?? "string") as Shape["type"],
    isNullable: types.includes("null"),
  };
}

/** The value that a text from a flag or an environment variable stands for; what does not fit is left to the schema. */
export function valueOfText(leaf: Leaf, text: string): unknown {
  const { type, isNullable } = shapeOf(leaf.schema);
  if (isNullable && text === "none") return null;
  switch (type) {
    case "number":
    case "integer":
      return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text;
    case "boolean":
      return text === "true" || text === "1" ? true : text === "false" || text === "0" ? false : text;
    case "array":
      return text === "" ? [] : text.split(",").map((item) => item.trim());
    case "string":
      return text;
  }
}

/** One or two words for a table: what one writes there. */
export function typeText(leaf: Leaf): string {
  const { type, isNullable } = shapeOf(leaf.schema);
  const json = z.toJSONSchema(leaf.schema, { io: "input" });
  const choices = Array.isArray(json.enum) ? json.enum.map(String).join(", ") : null;
  const word = choices ?? (type === "array" ? "list" : type === "integer" ? "whole number" : type);
  return isNullable ? `${word} or none` : word;
}
