// Requirements: 6.12.verified-response, 6.12.network
import { describe, expect, it } from "vitest";
import { done, reference, sites } from "../../../../../test/support/verified-references.ts";
import { WebArenaReference } from "../../../domain/webarena-reference.ts";
import { evaluateWebReference } from "./evaluate-web-reference.ts";

describe("an episode that has ended", () => {
  const never = new AbortController().signal;
  const task = reference("mutate", null, { type: "null" });
  const left = { answer: JSON.stringify(done), page: null, sites, har: Buffer.from('{"log": {"entries": []}}') };

  it("is judged by its reference's kind, and undecided where its log cannot be read", async () => {
    expect(await evaluateWebReference(task, left, never)).toMatchObject({ verdict: "success", score: 1 });
    expect(await evaluateWebReference(task, { ...left, answer: "N/A" }, never)).toMatchObject({ verdict: "failure" });
    const unreadable = await evaluateWebReference(task, { ...left, har: Buffer.from("{") }, never);
    expect(unreadable).toMatchObject({ verdict: "unknown", detail: expect.stringContaining("network.har") });
    const page = WebArenaReference.parse({
      kind: "webarena",
      taskId: 1,
      intent: "",
      sites: ["gitlab"],
      variant: "webarena",
      eval: { eval_types: ["string_match"], reference_answers: { exact_match: "yes" } },
    });
    expect(await evaluateWebReference(page, { ...left, answer: "Yes" }, never)).toMatchObject({ verdict: "success" });
  });
});
