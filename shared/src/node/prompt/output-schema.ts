// Structured output: providers accept different subsets of JSON Schema and refuse the rest with a 400. This turns a
// zod schema into what all of them take. What is dropped (lengths, ranges, patterns) is checked by zod on the answer.
import { z } from "zod";
import { invariant } from "../../errors.ts";

type JsonSchema = Record<string, unknown>;

const kept = new Set(["type", "enum", "description", "title", "items", "properties", "anyOf", "$ref", "$defs"]);

/** Closed objects with every property required, `anyOf` for `oneOf`, `enum` for `const`, no open maps. */
export function outputSchema(schema: z.ZodType): JsonSchema {
  return portable(z.toJSONSchema(schema, { io: "input" }));
}

function portable(schema: JsonSchema): JsonSchema {
  const result: JsonSchema = {};
  for (const [keyword, value] of Object.entries(enumeratedRecord(schema))) {
    if (keyword === "const") result["enum"] = [value];
    else if (keyword === "oneOf") result["anyOf"] = portableValue(value);
    else if (keyword === "properties" || keyword === "$defs") result[keyword] = portableMap(value);
    else if (keyword === "enum") result[keyword] = value;
    else if (kept.has(keyword)) result[keyword] = portableValue(value);
  }
  if (result["type"] !== "object") return result;
  invariant(isObject(result["properties"]), "an output schema has an open map, which providers refuse; list its keys");
  return { ...result, additionalProperties: false, required: Object.keys(result["properties"]) };
}

/** `z.record(z.enum([…]), value)` names its keys: it is an object with those properties. */
function enumeratedRecord(schema: JsonSchema): JsonSchema {
  const names = isObject(schema["propertyNames"]) ? schema["propertyNames"]["enum"] : undefined;
  if (!Array.isArray(names)) return schema;
  return {
    type: "object",
    properties: Object.fromEntries(names.map((name) => [name, schema["additionalProperties"]])),
  };
}

function portableMap(value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, portableValue(schema)]));
}

function portableValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(portableValue);
  return isObject(value) ? portable(value) : value;
}

function isObject(value: unknown): value is JsonSchema {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
