// Requirements: 3.9.drivers
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { outputSchema } from "./output-schema.ts";

describe("an output schema", () => {
  it("closes objects, requires every property and drops what some provider refuses", () => {
    const schema = z.object({
      name: z.string().min(3).max(9).describe("a name"),
      count: z.int().nonnegative().optional(),
      tags: z.array(z.string().regex(/^a/)).max(4),
    });
    expect(outputSchema(schema)).toEqual({
      type: "object",
      properties: {
        name: { type: "string", description: "a name" },
        count: { type: "integer" },
        tags: { type: "array", items: { type: "string" } },
      },
      required: ["name", "count", "tags"],
      additionalProperties: false,
    });
  });

  it("says unions and literals in the words that all providers know", () => {
    const schema = z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("run"), command: z.string() }),
      z.strictObject({ kind: z.literal("stop"), answer: z.string().nullable() }),
    ]);
    const action = (properties: object) => ({ type: "object", properties, additionalProperties: false });
    const nullable = { type: ["string", "null"] };
    expect(outputSchema(z.strictObject({ action: schema }))).toMatchObject({
      properties: {
        action: {
          anyOf: [
            action({ kind: { type: "string", enum: ["run"] }, command: { type: "string" } }),
            action({ kind: { type: "string", enum: ["stop"] }, answer: nullable }),
          ],
        },
      },
    });
  });

  it("writes a record over named keys as an object with those properties", () => {
    const schema = z.strictObject({ met: z.record(z.enum(["a", "b"]), z.boolean()) });
    expect(outputSchema(schema)).toMatchObject({
      properties: { met: { properties: { a: { type: "boolean" }, b: { type: "boolean" } }, required: ["a", "b"] } },
    });
  });

  it("refuses an open map, which no answer could fill", () => {
    expect(() => outputSchema(z.strictObject({ any: z.record(z.string(), z.string()) }))).toThrow(/open map/);
  });

  it("keeps a property that is named like a keyword", () => {
    const schema = z.strictObject({ enum: z.string(), const: z.int(), oneOf: z.boolean(), pattern: z.string() });
    expect(outputSchema(schema)["required"]).toEqual(["enum", "const", "oneOf", "pattern"]);
  });
});
