// Requirements: 3.9.journal
// The journal on the real bus: what one process bought, every other process and every later run has.
import type { WorkerId } from "@hindcast/shared";
import { limits } from "@hindcast/shared";
import {
  type Bus,
  createModel,
  journaled,
  JournaledCompletion,
  type Model,
  ModelSettings,
} from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aRequest, noAbort } from "../conformance/model-fixtures.ts";
import { startAnthropicEmulator } from "../support/emulators/anthropic.ts";
import type { Emulator } from "../support/emulators/emulator.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";

describe("the journal", () => {
  let nats: TestNats;
  let emulator: Emulator;
  let coordinator: Bus;
  let worker: Bus;

  beforeAll(async () => {
    nats = await aNatsServer();
    emulator = await startAnthropicEmulator();
    coordinator = await nats.coordinator();
    worker = await nats.connect("w-1" as WorkerId);
  });
  afterAll(async () => {
    await emulator[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });

  const journaledOn = (bus: Bus): Model => {
    const anthropic = { apiKey: emulator.apiKey, baseUrl: emulator.url };
    const model = createModel("anthropic:claude-sonnet-5-5", ModelSettings.parse({ anthropic }));
    return journaled(model, { records: bus.records("JOURNAL", JournaledCompletion), blobs: bus.blobs });
  };

  it("gives another process the answer that one has bought", async () => {
    emulator.reply({ kind: "answer", text: "bought once" });
    const bought = await journaledOn(worker).complete(aRequest(), noAbort);
    const sent = emulator.requests.length;
    const found = await journaledOn(coordinator).complete(aRequest(), noAbort);
    expect(found).toMatchObject({ text: "bought once", journaled: true, costUsd: 0, usage: bought.usage });
    expect(bought.costUsd).toBeGreaterThan(0);
    expect(emulator.requests).toHaveLength(sent);
  });

  it("keeps an answer that is larger than a message", async () => {
    const text = "long answer ".repeat(limits.messageBytesMax / 10);
    emulator.reply({ kind: "answer", text });
    await journaledOn(worker).complete(aRequest({ seed: 2 }), noAbort);
    expect(await journaledOn(coordinator).complete(aRequest({ seed: 2 }), noAbort)).toMatchObject({
      text,
      journaled: true,
    });
  });

  it("makes two processes that bought the same at once agree on one answer", async () => {
    const release = Promise.withResolvers<void>();
    let waiting = 0;
    const both = (model: Model): Model => ({
      ...model,
      complete: async (request, signal) => {
        const completion = await model.complete(request, signal);
        if (++waiting === 2) release.resolve();
        await release.promise;
        return completion;
      },
    });
    const anthropic = { apiKey: emulator.apiKey, baseUrl: emulator.url };
    const buyer = (bus: Bus): Model =>
      journaled(both(createModel("anthropic:claude-sonnet-5-5", ModelSettings.parse({ anthropic }))), {
        records: bus.records("JOURNAL", JournaledCompletion),
        blobs: bus.blobs,
      });
    emulator.reply({ kind: "answer", text: "one" }, { kind: "answer", text: "the other" });
    const request = aRequest({ seed: 3 });
    const completions = await Promise.all([worker, coordinator].map((bus) => buyer(bus).complete(request, noAbort)));
    const later = await journaledOn(worker).complete(request, noAbort);
    expect(completions.map(({ text }) => text)).toEqual([later.text, later.text]);
    expect(completions.every(({ costUsd, journaled: isHit }) => (costUsd ?? 0) > 0 && !isHit)).toBe(true);
  });
});
