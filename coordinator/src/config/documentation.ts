// What others read about the configuration, made from the schema: the JSON Schema for editors, the README's table and
// the commented file of `hindcast init`. Tests keep the committed copies equal.
import { environmentVariables, namesOf } from "@hindcast/shared/node";
import { stringify } from "yaml";
import { z } from "zod";
import { defaults } from "./defaults.ts";
import { leaves, typeText } from "./leaves.ts";
import { flatten } from "./load.ts";
import { HindcastConfig } from "./schema.ts";

const defaultValues = new Map(flatten(defaults, "the defaults"));

/** Every key is optional in a file, so `required` goes; `$schema` may point an editor here. */
export function configJsonSchema(): Record<string, unknown> {
  const schema = withoutRequired(z.toJSONSchema(HindcastConfig, { io: "input" })) as {
    properties: Record<string, unknown>;
  };
  schema.properties = { $schema: { type: "string" }, ...schema.properties };
  return { title: "Hindcast configuration", ...schema };
}

function withoutRequired(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutRequired);
  if (typeof node !== "object" || node === null) return node;
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key, value]) => !(key === "required" && Array.isArray(value)))
      .map(([key, value]) => [key, withoutRequired(value)]),
  );
}

/** The README's table of settings, with the variable that sets each. */
export function settingsTable(): string {
  const rows = leaves.map((leaf) => {
    const value = JSON.stringify(defaultValues.get(leaf.path));
    return `| \`${leaf.path}\` | \`${leaf.variable}\` | ${typeText(leaf)} | \`${value}\` | ${leaf.description} |`;
  });
  return ["| setting | variable | value | default | meaning |", "|---|---|---|---|---|", ...rows].join("\n");
}

/** The README's table of variables that are not settings: keys, and what a process reads that is deployed on its own. */
export function variablesTable(): string {
  const settings = new Set(leaves.map((leaf) => leaf.variable));
  const rows = Object.values(environmentVariables)
    .filter(({ name }) => !settings.has(name))
    .map(
      (entry) =>
        `| ${namesOf({ entry })
          .map((name) => `\`${name}\``)
          .join(" or ")} | ${entry.description} |`,
    );
  return ["| variable | meaning |", "|---|---|", ...rows].join("\n");
}

/** A configuration file with every setting at its default, commented out. */
export function commentedConfigFile(): string {
  const lines = [
    "# Hindcast's settings: every commented line shows a default; remove its # to change it.",
    "# Order of precedence: defaults < profile < this file < HINDCAST_* variables < flags. `hindcast config` shows the result.",
    "# Keys of model providers never belong here: set ANTHROPIC_API_KEY, GEMINI_API_KEY or OPENAI_API_KEY.",
  ];
  const open: string[] = [];
  for (const leaf of leaves) {
    const keys = leaf.path.split(".");
    const parents = keys.slice(0, -1);
    const shared = parents.findIndex((key, i) => open[i] !== key);
    const from = shared === -1 ? parents.length : shared;
    if (parents.length > 0 && from === 0) lines.push("");
    parents.slice(from).forEach((key, i) => lines.push(`${"  ".repeat(from + i)}${key}:`));
    open.splice(0, open.length, ...parents);
    const indent = "  ".repeat(parents.length);
    const value = stringify(defaultValues.get(leaf.path), { collectionStyle: "flow", nullStr: "null" }).trim();
    lines.push(`${indent}# ${leaf.description} (${typeText(leaf)})`, `${indent}# ${keys.at(-1)}: ${value}`);
  }
  return `${lines.join("\n")}\n`;
}
