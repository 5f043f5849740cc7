// Reads values by a schema: lists, objects and single values of named types. What a task states must fit its schema; what
// an agent or a recording gives stays as it came where it does not, and then equals nothing.
import { isObject, parseJson, represented, type Json, type JsonObject } from "./json-value.ts";
import { Normalized, type ReadContext } from "./normalized.ts";
import type { TypeRegistry } from "./types/registry.ts";
import { stringType } from "./types/string-types.ts";

/** A value after reading: typed values in lists and objects, and raw values where nothing could be read. */
export type ReadValue = Normalized | Json | ReadValue[] | { [key: string]: ReadValue };

export interface Reader {
  types: TypeRegistry;
  context: ReadContext;
}

type Schema = JsonObject;

/** A single value, or a list of a task's alternatives. */
export function readOne(value: Json, typeName: string, reader: Reader): ReadValue {
  const type = reader.types.get(typeName);
  if (type === undefined) throw new Error(`the schema names the unknown type ${JSON.stringify(typeName)}`);
  try {
    return Normalized.read(type, value, reader.context);
  } catch (error) {
    if (reader.context.side === "task") throw error;
    return value;
  }
}

/** The list that a final answer holds: one value is a list of one, and a text may be JSON of a list. */
export function readList(value: Json, schema: Schema, reader: Reader): ReadValue[] {
  if ((schema.type ?? "array") !== "array")
    throw new Error(`the schema is of ${JSON.stringify(schema.type)}, not of a list`);
  const items = isObject(schema.items) ? schema.items : {};
  const list = Array.isArray(value) ? value : listIn(value, reader);
  if ((items.type ?? "string") === "object") return list.map((item) => readObjects(item, items, reader));
  return list.map((item) => readOne(item, typeNameOf(items), reader));
}

function listIn(value: Json, { context }: Reader): Json[] {
  if (context.side === "task") throw new Error(`a list is expected, not ${represented(value)}`);
  const parsed = typeof value === "string" ? parseJson(value) : undefined;
  return Array.isArray(parsed) ? parsed : [value];
}

/** An object, or each object of a list. */
export function readObjects(value: Json, schema: Schema, reader: Reader): ReadValue {
  return Array.isArray(value) ? value.map((one) => readObject(one, schema, reader)) : readObject(value, schema, reader);
}

function readObject(given: Json, schema: Schema, reader: Reader): ReadValue {
  const parsed = typeof given === "string" ? parseJson(given) : undefined;
  const value = isObject(parsed) ? parsed : given;
  if (!isObject(value)) {
    if (reader.context.side === "task") throw new Error(`an object is expected, not ${represented(value)}`);
    return value;
  }
  const properties = isObject(schema.properties) ? schema.properties : {};
  const read: { [key: string]: ReadValue } = Object.create(null) as { [key: string]: ReadValue };
  for (const [name, member] of Object.entries(value)) {
    read[name] = member === null ? null : readMember(member, properties[name] ?? null, reader);
  }
  return read;
}

function readMember(value: Json, schema: Json, reader: Reader): ReadValue {
  if (!isObject(schema)) return readOne(value, "string", reader);
  if (schema.type === "array") return readMemberList(value, isObject(schema.items) ? schema.items : {}, reader);
  if (schema.type === "object") return readObject(value, schema, reader);
  return readOne(value, reader.types.has(typeNameOf(schema)) ? typeNameOf(schema) : "string", reader);
}

function readMemberList(given: Json, items: Schema, reader: Reader): ReadValue {
  const parsed = typeof given === "string" ? parseJson(given) : undefined;
  const value = Array.isArray(parsed) ? parsed : given;
  if (!Array.isArray(value)) {
    if (reader.context.side === "task") throw new Error(`a list is expected, not ${represented(value)}`);
    return value;
  }
  if (items.type === "object") return readObjects(value, items, reader);
  return value.map((item) => readOne(item, typeNameOf(items), reader));
}

function typeNameOf(schema: Schema): string {
  const name = schema.format ?? schema.type ?? "string";
  return typeof name === "string" ? name : "string";
}

/** What a report shows of it: plain JSON. */
export function shownValue(value: ReadValue | undefined): Json {
  if (value === undefined || value === null) return null;
  if (value instanceof Normalized) {
    const { value: first } = value;
    return typeof first === "number" || typeof first === "boolean" || first === null ? first : value.toString();
  }
  if (Array.isArray(value)) return value.map(shownValue);
  if (typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shownValue(member)]));
}

/** As Python prints it in messages. */
export function printedValue(value: ReadValue | undefined, isInside = false): string {
  if (value instanceof Normalized) return isInside ? value.represent() : value.toString();
  if (Array.isArray(value)) return sequence(value);
  if (isObjectOfValues(value)) {
    const members = Object.entries(value).map(([key, member]) => `${represented(key)}: ${printedValue(member, true)}`);
    return `{${members.join(", ")}}`;
  }
  return !isInside && typeof value === "string" ? value : represented(value ?? null);
}

function sequence(values: readonly ReadValue[]): string {
  const items = values.map((value) => printedValue(value, true));
  return `(${items.join(", ")}${items.length === 1 ? "," : ""})`;
}

export function isObjectOfValues(value: ReadValue | undefined): value is { [key: string]: ReadValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Normalized);
}

/** A text where only a text was asked for, against a task's text: read now. */
export function readAsText(value: string, context: ReadContext): Normalized {
  return Normalized.read(stringType, value, context);
}
