// Requirements: 3.9.drivers, 3.9.retries, 3.9.cost, 3.bad.answers
// Every driver, through its official SDK, against an emulator that refuses what the real service refuses.
import { estimateTokens, HindcastError, limits } from "@hindcast/shared";
import { outputSchema } from "@hindcast/shared/node";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import type { Reply } from "../support/emulators/emulator.ts";
import { aRequest, driverCases, noAbort, startCase } from "./model-fixtures.ts";

const Vote = z.strictObject({ reason: z.string().max(500), verdict: z.enum(["yes", "no"]) });
const ok: Reply = { kind: "answer", text: "fine" };

async function codeOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(HindcastError);
  return (error as HindcastError).code;
}

describe.each(driverCases)("a model of $name", (driver) => {
  it("answers in words, with usage and the model that answered", async () => {
    await using world = await startCase(driver);
    world.emulator.reply({ kind: "answer", text: "Use ls — it lists the files. 🗂️ Then read one.", pings: 3 });
    const completion = await world.model.complete(aRequest(), noAbort);
    expect(completion).toMatchObject({
      text: "Use ls — it lists the files. 🗂️ Then read one.",
      stop: "end",
      resolvedModel: driver.model.split(":")[1],
      journaled: false,
      attempts: 1,
    });
    expect(completion.usage).toEqual({
      inputTokens: estimateTokens("You operate a shell.") + estimateTokens("List the files."),
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: estimateTokens(completion.text),
    });
    expect(completion.requestHash).toMatch(/^[0-9a-f]{64}$/);
    expect(world.emulator.requests).toHaveLength(1);
  });

  it("keeps the turns of a conversation in order", async () => {
    await using world = await startCase(driver);
    world.emulator.reply(ok);
    const turn = (role: "user" | "assistant", text: string) => ({ role, content: [{ kind: "text" as const, text }] });
    const messages = [turn("user", "first"), turn("assistant", "second"), turn("user", "third")];
    await world.model.complete(aRequest({ messages, system: "" }), noAbort);
    const sent = JSON.stringify(world.emulator.requests[0]?.body);
    expect(["first", "second", "third"].map((text) => sent.indexOf(text))).toEqual(
      ["first", "second", "third"].map((text) => sent.indexOf(text)).toSorted((a, b) => a - b),
    );
    expect(sent).not.toContain("system");
  });

  it("answers in JSON under a schema that the provider accepts", async () => {
    await using world = await startCase(driver);
    world.emulator.reply({ kind: "answer", text: '{"reason":"it fits","verdict":"yes"}' });
    const output = { kind: "json" as const, name: "vote", schema: outputSchema(Vote) };
    const { text } = await world.model.complete(aRequest({ output }), noAbort);
    expect(Vote.parse(JSON.parse(text))).toEqual({ reason: "it fits", verdict: "yes" });
    expect(JSON.stringify(world.emulator.requests[0]?.body)).toContain('"enum":["yes","no"]');
  });

  it("returns a refusal as an answer", async () => {
    await using world = await startCase(driver);
    world.emulator.reply({ kind: "answer", text: "I cannot help with that.", stop: "refusal" });
    expect(await world.model.complete(aRequest(), noAbort)).toMatchObject({ stop: "refusal", attempts: 1 });
  });

  it("returns an answer that was cut off as one that hit the output limit", async () => {
    await using world = await startCase(driver);
    world.emulator.reply({ kind: "answer", text: "It begins and", stop: "output-limit" });
    const completion = await world.model.complete(aRequest(), noAbort);
    expect(completion).toMatchObject({ stop: "output-limit", text: "It begins and" });
  });

  it("returns an empty answer as an empty answer", async () => {
    await using world = await startCase(driver);
    world.emulator.reply({ kind: "answer", text: "" });
    expect(await world.model.complete(aRequest(), noAbort)).toMatchObject({ stop: "end", text: "", attempts: 1 });
  });

  it.each(["prompt-too-long", "too-large"] as const)(
    "returns a prompt that does not fit (%s) as an answer that cost nothing",
    async (reason) => {
      await using world = await startCase(driver);
      world.emulator.reply({ kind: "failure", reason });
      const completion = await world.model.complete(aRequest(), noAbort);
      expect(completion).toMatchObject({ stop: "context-overflow", text: "", usage: { inputTokens: 0 } });
      expect(world.emulator.requests).toHaveLength(1);
    },
  );

  it("waits as long as a 429 says before it tries again", async () => {
    await using world = await startCase(driver);
    world.emulator.reply({ kind: "failure", reason: "rate-limit", retryAfterSeconds: 17 }, ok);
    const completion = await world.model.complete(aRequest(), noAbort);
    expect(completion).toMatchObject({ text: "fine", attempts: 2 });
    expect(world.clock.sleeps).toHaveLength(1);
    expect(world.clock.sleeps[0]).toBeGreaterThanOrEqual(17_000);
    expect(world.clock.sleeps[0]).toBeLessThanOrEqual(18_000);
    expect(completion.durationMs).toBeGreaterThanOrEqual(17_000);
  });

  it("does not wait for a limit that stays closed longer than one wait may take", async () => {
    await using world = await startCase(driver);
    world.emulator.reply({ kind: "failure", reason: "rate-limit", retryAfterSeconds: 3_600 });
    expect(await codeOf(world.model.complete(aRequest(), noAbort))).toBe("MODEL_RATE_LIMITED");
    expect(await codeOf(world.model.complete(aRequest(), noAbort))).toBe("MODEL_RATE_LIMITED");
    expect(world.emulator.requests, "the second call knew that the lane was closed").toHaveLength(1);
  });

  it.each(["overloaded", "server-error", "conflict"] as const)("tries again after %s, backing off", async (reason) => {
    await using world = await startCase(driver);
    world.emulator.reply({ kind: "failure", reason }, { kind: "failure", reason }, ok);
    expect(await world.model.complete(aRequest(), noAbort)).toMatchObject({ text: "fine", attempts: 3 });
    expect(world.clock.sleeps).toEqual([250, 500]);
  });

  it("gives up on an outage after a fixed number of attempts, saying that it may pass", async () => {
    await using world = await startCase(driver);
    world.emulator.replyAlways({ kind: "failure", reason: "overloaded" });
    const error = await world.model.complete(aRequest(), noAbort).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "MODEL_OVERLOADED", boundary: "model", retryable: true });
    expect(world.emulator.requests).toHaveLength(limits.modelAttemptsMax);
  });

  it.each(["cut", "unfinished", "not-json", "error-event"] as const)(
    "tries again when an answer breaks on the way (%s)",
    async (how) => {
      await using world = await startCase(driver);
      world.emulator.reply({ kind: "broken", how }, ok);
      expect(await world.model.complete(aRequest(), noAbort)).toMatchObject({ text: "fine", attempts: 2 });
    },
  );

  it("gives up early on an endpoint that never speaks the protocol", async () => {
    await using world = await startCase(driver);
    const reply = { status: 200, headers: { "content-type": "application/json" }, frames: ['{"hello":"world"}'] };
    world.emulator.replyAlways({ kind: "raw", reply });
    expect(await codeOf(world.model.complete(aRequest(), noAbort))).toBe("MODEL_ANSWER_INVALID");
    expect(world.emulator.requests).toHaveLength(limits.modelInvalidAnswersMax);
  });

  it("never tries again once money or a day's quota is spent", async () => {
    await using world = await startCase(driver);
    world.emulator.reply({ kind: "failure", reason: "spend-limit", retryAfterSeconds: 5 });
    const error = await world.model.complete(aRequest(), noAbort).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "MODEL_BUDGET_EXHAUSTED", retryable: false });
    expect(world.emulator.requests).toHaveLength(1);
  });

  it("gives up on a request that gets no answer in time, and tries again", async () => {
    await using world = await startCase(driver, { attemptTimeoutMs: 1_500 });
    world.emulator.reply({ kind: "silence" }, ok);
    expect(await world.model.complete(aRequest(), noAbort)).toMatchObject({ text: "fine", attempts: 2 });
  });

  it("stops at once when the caller aborts", async () => {
    await using world = await startCase(driver);
    const controller = new AbortController();
    world.emulator.reply(() => {
      controller.abort(new Error("the episode was cancelled"));
      return { kind: "silence" };
    });
    await expect(world.model.complete(aRequest(), controller.signal)).rejects.toThrow("the episode was cancelled");
    expect(world.emulator.requests).toHaveLength(1);
    await expect(world.model.complete(aRequest(), controller.signal)).rejects.toThrow("the episode was cancelled");
    expect(world.emulator.requests).toHaveLength(1);
  });

  it("is told apart from a dead endpoint", async () => {
    const world = await startCase(driver);
    await world[Symbol.asyncDispose]();
    const error = await world.model.complete(aRequest(), noAbort).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "MODEL_UNAVAILABLE", retryable: true });
  });

  it("reports the tokens of a prefix that the provider had cached", async () => {
    await using world = await startCase(driver);
    world.emulator.replyAlways(ok);
    const stable = { kind: "text" as const, text: "The manual says a great deal. ".repeat(200), cacheable: true };
    const ask = (text: string) =>
      world.model.complete(
        aRequest({
          messages: [
            { role: "user", content: [stable] },
            { role: "assistant", content: [{ kind: "text", text: "Understood." }] },
            { role: "user", content: [{ kind: "text", text }] },
          ],
        }),
        noAbort,
      );
    const first = await ask("What now?");
    const second = await ask("And then?");
    expect(first.usage.cacheReadTokens).toBe(0);
    expect(second.usage.cacheReadTokens).toBeGreaterThanOrEqual(estimateTokens(stable.text));
    const input = ({ inputTokens, cacheReadTokens, cacheWriteTokens }: typeof first.usage): number =>
      inputTokens + cacheReadTokens + cacheWriteTokens;
    expect(input(second.usage)).toBe(input(first.usage));
  });

  it("names a model that the provider does not have, without a second try", async () => {
    await using world = await startCase({ ...driver, model: `${driver.model.split(":")[0]}:no-such-model` });
    const error = await world.model.complete(aRequest(), noAbort).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "MODEL_UNKNOWN", retryable: false });
    expect((error as Error).message).toContain("no-such-model");
    expect(world.emulator.requests).toHaveLength(1);
  });

  it("reports what the provider refuses as a fault of the request", async () => {
    await using world = await startCase(driver);
    const output = { kind: "json" as const, name: "vote", schema: { type: "no such type" } };
    expect(await codeOf(world.model.complete(aRequest({ output }), noAbort))).toBe("MODEL_REQUEST_INVALID");
    expect(world.emulator.requests).toHaveLength(1);
  });

  it("sends nothing when there is nothing to answer", async () => {
    await using world = await startCase(driver);
    const answered = [
      { role: "user" as const, content: [{ kind: "text" as const, text: "hello" }] },
      { role: "assistant" as const, content: [{ kind: "text" as const, text: "hello" }] },
    ];
    for (const messages of [[], answered, [{ role: "user" as const, content: [] }]]) {
      expect(await codeOf(world.model.complete(aRequest({ messages }), noAbort))).toBe("MODEL_REQUEST_INVALID");
    }
    expect(world.emulator.requests).toHaveLength(0);
  });

  it("never tells a key, not even one that the server repeats", async () => {
    const printed = vi.spyOn(process.stdout, "write");
    const complained = vi.spyOn(process.stderr, "write");
    onTestFinished(() => void [printed, complained].map((spy) => spy.mockRestore()));
    const secret = "sk-wrong-5d41402abc4b2a76b9719d91";
    const wrongKey = { ...driver, settings: ({ url }: { url: string }) => driver.settings({ url, apiKey: secret }) };
    await using world = await startCase(wrongKey);
    const wrong = await world.model.complete(aRequest(), noAbort).catch((thrown: unknown) => thrown);
    await using known = await startCase(driver);
    known.emulator.reply({ kind: "failure", reason: "key-revoked" });
    const revoked = await known.model.complete(aRequest(), noAbort).catch((thrown: unknown) => thrown);
    for (const error of [wrong, revoked]) {
      expect(error).toMatchObject({ code: "MODEL_UNAUTHORIZED", retryable: false });
      expect((error as Error).message).toMatch(/API key/);
      const told = everythingIn(error);
      expect(told).not.toContain(secret);
      expect(told).not.toContain(known.emulator.apiKey);
    }
    expect(world.emulator.requests).toHaveLength(1);
    expect(JSON.stringify(world.model)).not.toContain(secret);
    expect(JSON.stringify([printed.mock.calls, complained.mock.calls])).not.toContain(secret);
  });
});

/** Messages, stacks and fields of an error and all its causes: whatever a log could print. */
function everythingIn(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return [error.message, error.stack, JSON.stringify(Object.entries(error)), everythingIn(error.cause)].join("\n");
}
