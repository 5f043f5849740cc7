// Requirements: 3.11.exports
import { act } from "@hindcast/shared/node";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aDemonstration, aShellObservation } from "../../../test/support/export-check/demonstrations.ts";
import { assistantText, conversationOf, stepExamplesOf } from "./conversation.ts";

function parsed(text: string): unknown {
  if (act.output.kind !== "text") throw new Error("the act prompt answers in text");
  return act.output.parse(text);
}

function alternating(first: "user" | "assistant", count: number): string[] {
  const second = first === "user" ? "assistant" : "user";
  return Array.from({ length: count }, (_, index) => (index % 2 === 0 ? first : second));
}

describe("conversationOf", () => {
  it("is the trajectory as alternating turns under the constructed instruction, closed by the answer", () => {
    const messages = conversationOf(aDemonstration());

    expect(messages.map(({ role }) => role)).toEqual(["system", ...alternating("user", 6)]);
    expect(messages.slice(1).map(({ content }) => content)).toMatchInlineSnapshot(`
      [
        "OBJECTIVE:
      Set the package's license to MIT and say what it is now.

      OBSERVATION:
      [working directory /workspace]",
        "REASON: \`npm pkg set\` writes a field of package.json.
      ACTION:
      \`\`\`bash
      npm pkg set license=MIT
      \`\`\`",
        "OBSERVATION:
      [working directory /workspace]
      [exit code 0]",
        "REASON: The field is read back.
      ACTION:
      \`\`\`bash
      npm pkg get license
      \`\`\`",
        "OBSERVATION:
      [working directory /workspace]
      "MIT"
      [exit code 0]",
        "REASON: The observations hold the answer that was asked for.
      ACTION: stop("MIT")",
      ]
    `);
  });

  it("puts the loss on the assistant's turns only", () => {
    for (const { role, train } of conversationOf(aDemonstration())) expect(train).toBe(role === "assistant");
  });

  it("keeps a killed command as context without loss", () => {
    const demonstration = aDemonstration();
    const [first, second] = demonstration.steps;
    const killed = { ...first!, observation: aShellObservation({ exitCode: null, killed: "timeout" }) };

    const messages = conversationOf({ ...demonstration, steps: [killed, second!] });

    expect(messages.filter(({ role }) => role === "assistant").map(({ train }) => train)).toEqual([false, true, true]);
  });

  it("ends with stop() when the instruction asks for no answer", () => {
    expect(conversationOf(aDemonstration({ answer: null })).at(-1)?.content).toMatch(/\nACTION: stop\(\)$/);
  });

  it("adds no second stop where the last step is one", () => {
    const demonstration = aDemonstration();
    const stop = { ...demonstration.steps[1]!, action: { kind: "stop" as const, answer: "MIT" } };

    const messages = conversationOf({ ...demonstration, steps: [demonstration.steps[0]!, stop] });

    expect(messages.filter(({ content }) => content.includes("ACTION: stop("))).toHaveLength(1);
    expect(messages.at(-1)?.role).toBe("assistant");
  });

  it("moves the system text into the first user turn when flattened, and still alternates", () => {
    const [first, ...rest] = conversationOf(aDemonstration(), true);

    expect(first?.role).toBe("user");
    expect(first?.content).toContain(conversationOf(aDemonstration())[0]?.content);
    expect(rest.map(({ role }) => role)).toEqual(alternating("assistant", 5));
  });
});

describe("stepExamplesOf", () => {
  it("gives one pair per step and one for the closing stop, with the run-time prompt and a growing history", () => {
    const examples = [...stepExamplesOf(aDemonstration())];

    expect(examples.map(({ step, completion }) => [step, completion[0]?.content])).toMatchInlineSnapshot(`
      [
        [
          1,
          "REASON: \`npm pkg set\` writes a field of package.json.
      ACTION:
      \`\`\`bash
      npm pkg set license=MIT
      \`\`\`",
        ],
        [
          2,
          "REASON: The field is read back.
      ACTION:
      \`\`\`bash
      npm pkg get license
      \`\`\`",
        ],
        [
          3,
          "REASON: The observations hold the answer that was asked for.
      ACTION: stop("MIT")",
        ],
      ]
    `);
    expect(examples.map(({ prompt }) => prompt[1]?.content.match(/<step number/g)?.length ?? 0)).toEqual([0, 1, 2]);
    expect(examples.every(({ prompt }) => prompt.length === 2 && prompt[0]?.role === "system")).toBe(true);
  });

  it("never shows a later observation or action in a prompt", () => {
    for (const { step, prompt } of stepExamplesOf(aDemonstration())) {
      const text = prompt.map(({ content }) => content).join("\n");
      expect(text.includes("npm pkg set license=MIT")).toBe(step > 1);
      expect(text.includes("npm pkg get license")).toBe(step > 2);
    }
  });

  it("leaves a killed command out of the completions and in the history", () => {
    const demonstration = aDemonstration();
    const [first, second] = demonstration.steps;
    const killed = { ...first!, observation: aShellObservation({ exitCode: null, killed: "timeout" }) };

    const examples = [...stepExamplesOf({ ...demonstration, steps: [killed, second!] })];

    expect(examples.map(({ step }) => step)).toEqual([2, 3]);
    expect(examples[0]?.prompt[1]?.content).toContain("npm pkg set license=MIT");
  });
});

describe("assistantText", () => {
  it("is read back by the policy's own parser as the same action, whatever the words are", () => {
    const command = fc
      .oneof(fc.string({ unit: "binary" }), fc.constantFrom("cat <<'E'\n```\nACTION: x\n```\nE", "echo `date`", "a\nb"))
      .map((text) => text.replaceAll("\0", "").trim())
      .filter((text) => text !== "" && !/(^|\n)[ \t]*stop[ \t]*(\(|\.?$)/i.test(text));
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), command, (reason, text) => {
        const action = { kind: "shell" as const, command: text };
        expect(parsed(assistantText(reason, action))).toMatchObject({ kind: "turn", action });
      }),
    );
  });

  it("is read back as the same answer", () => {
    fc.assert(
      fc.property(fc.option(fc.string({ unit: "binary" })), (answer) => {
        const action = { kind: "stop" as const, answer };
        expect(parsed(assistantText("Done.", action))).toEqual({ kind: "turn", reason: "Done.", action });
      }),
    );
  });
});
