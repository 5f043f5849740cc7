// Requirements: 6.12.verified-response
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { reference, respond } from "../../../../../../test/support/verified-references.ts";
import { WebArenaVerifiedReference } from "../../../../domain/webarena-reference.ts";
import { verifiedEvaluation } from "./evaluate-verified.ts";
import type { Json } from "./json-value.ts";

const right = { task_type: "RETRIEVE", status: "success", retrieved_data: ["C", "a"], error_details: null };

describe("a final response", () => {
  it("is right in any case and order, with alternatives, fenced, or under its old name", () => {
    const { task_type: type, ...others } = right;
    for (const response of [
      right,
      JSON.stringify(right),
      `Done:\n\`\`\`json\n${JSON.stringify(right)}\n\`\`\``,
      { performed_operation: type, ...others },
      { ...right, retrieved_data: ["b", "a"] },
    ]) {
      expect(respond(response)).toMatchObject({ status: "success", score: 1 });
    }
  });

  it.each<[string, Json, string]>([
    ["missing", null, "agent_response_none_mismatch"],
    ["no JSON", "the answer is a", "agent_response_invalid_format"],
    ["a list", [right], "agent_response_invalid_format"],
    ["without a status", { task_type: "RETRIEVE", retrieved_data: ["a", "b"] }, "agent_response_keys_mismatch"],
    ["of another type", { ...right, task_type: "NAVIGATE" }, "agent_response.task_type_mismatch"],
    ["with a number for a status", { ...right, status: 200 }, "agent_response.status_mismatch"],
    ["without data", { ...right, retrieved_data: [] }, "retrieved_data_missing_or_null"],
    ["short", { ...right, retrieved_data: ["a"] }, "retrieved_data_array_values_mismatch"],
    ["long", { ...right, retrieved_data: ["a", "b", "c"] }, "retrieved_data_array_values_mismatch"],
    ["a guess at everything", { ...right, retrieved_data: ["a", ["b", "c"]] }, "retrieved_data_array_values_mismatch"],
    ["a pattern", { ...right, retrieved_data: ["^.*$", "^.*$"] }, "retrieved_data_array_values_mismatch"],
  ])("that is %s fails and says why", (_what, response, name) => {
    const result = respond(response);
    expect(result.status).toBe("failure");
    expect(result.evaluators_results[0]?.assertions?.map((one) => one.assertion_name)).toContain(name);
  });

  it("keeps its order where order counts, and its objects their members", () => {
    const schema = { type: "array", items: { type: "object", properties: { n: { type: "number" } } } };
    const task = reference("retrieve", [{ n: 1 }, { n: 2 }], schema);
    const backwards = { ...right, retrieved_data: [{ n: "2" }, { n: "one" }] };
    expect(respond(backwards, task).status).toBe("success");
    const first = task.eval[0]!;
    const ordered = WebArenaVerifiedReference.parse({ ...task, eval: [{ ...first, ordered: true }] });
    expect(respond(backwards, ordered).status).toBe("failure");
    expect(respond({ ...right, retrieved_data: [{ n: 1 }, { n: 2, m: 3 }] }, task).status).toBe("failure");
  });

  it("that a task cannot judge is an error and no failure", () => {
    const broken = reference("retrieve", ["few"], { type: "array", items: { type: "number" } });
    const result = respond(right, broken);
    expect(result).toMatchObject({ status: "error", evaluators_results: [{ error_msg: expect.any(String) }] });
    expect(verifiedEvaluation(result)).toMatchObject({ verdict: "unknown" });
  });
});

describe("whatever an agent answers", () => {
  const schema = {
    type: "array",
    items: {
      type: "object",
      properties: Object.fromEntries(
        ["string", "number", "currency", "date", "month", "duration", "distance", "boolean", "url", "coordinates"].map(
          (name) => [name, { type: "string", format: name }],
        ),
      ),
    },
  };
  const data = {
    string: "a",
    number: 1,
    currency: 1,
    date: "2024-01-15",
    month: "May",
    duration: "1h",
    distance: "1 km",
    boolean: true,
    url: "__GITLAB__/a",
    coordinates: { latitude: 1, longitude: 2 },
  };
  const task = reference("retrieve", [data], schema);

  it("never passes by chance, and never is more than a failure", () => {
    const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>;
    const member = fc.constantFrom(...Object.keys(data));
    const response = fc.oneof(
      json,
      fc.string(),
      fc.record({ task_type: json, status: json, retrieved_data: json }),
      fc.record({
        task_type: fc.constant("RETRIEVE"),
        status: fc.constant("SUCCESS"),
        retrieved_data: fc.tuple(fc.tuple(member, json).map(([name, value]) => ({ ...data, [name]: value }))),
      }),
    );
    fc.assert(
      fc.property(response as fc.Arbitrary<Json>, (given) => {
        const result = respond(given, task);
        expect(result.status).not.toBe("error");
        if (result.status === "success") expect(respond(JSON.stringify(given), task).status).toBe("success");
      }),
      { numRuns: 500 },
    );
  });
});
