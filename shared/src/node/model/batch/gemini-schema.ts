// A JSON Schema as Gemini's older `responseSchema` takes it: the OpenAPI subset with types in capitals, no `null` type
// and no closed objects. Without an ordering of its own the service writes properties in alphabetical order, which would
// put a verdict before its reasons.
type JsonSchema = Record<string, unknown>;

/** @param schema what `outputSchema` makes of a zod schema: no references, every property required. */
export function geminiSchema(schema: JsonSchema): JsonSchema {
  const { type, enum: values, items, properties, anyOf, description, required } = schema;
  const choices = Array.isArray(anyOf) ? (anyOf as JsonSchema[]) : [];
  const some = choices.filter((choice) => choice["type"] !== "null").map(geminiSchema);
  const [only] = some;
  const shape = some.length === 1 && only !== undefined ? only : some.length > 1 ? { anyOf: some } : {};
  return {
    ...typed([type].flat()),
    ...(Array.isArray(values) && enumerated(values)),
    ...(typeof description === "string" && { description }),
    ...(isSchema(items) && { items: geminiSchema(items) }),
    ...(isSchema(properties) && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, schemaAt(each)])),
      propertyOrdering: Object.keys(properties),
    }),
    ...(Array.isArray(required) && required.length > 0 && { required: required.map(String) }),
    ...shape,
    ...(some.length < choices.length && { nullable: true }),
  };
}

/** "a text or null" is written as two types. */
function typed(types: readonly unknown[]): JsonSchema {
  const [type] = types.filter((each) => typeof each === "string" && each !== "null");
  return {
    ...(typeof type === "string" && { type: type.toUpperCase() }),
    ...(types.includes("null") && { nullable: true }),
  };
}

/** Only texts can be enumerated there; whole numbers are bounded instead. */
function enumerated(values: readonly unknown[]): JsonSchema {
  const numbers = values.filter((value) => typeof value === "number");
  if (numbers.length < values.length) return { type: "STRING", enum: values.map(String) };
  return { type: "INTEGER", minimum: Math.min(...numbers), maximum: Math.max(...numbers) };
}

function schemaAt(value: unknown): JsonSchema {
  return isSchema(value) ? geminiSchema(value) : {};
}

function isSchema(value: unknown): value is JsonSchema {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
