// Requirements: 3.9.journal
import { describe, expect, it } from "vitest";
import { BlobRef, Sha256 } from "../../domain/ids.ts";
import { noUsage } from "../../domain/usage.ts";
import { HindcastError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { RecordStore } from "../bus/bus.ts";
import { sha256Hex } from "../derive-id.ts";
import { journaled, JournaledCompletion, type JournalStore } from "./journal.ts";
import type { Completion, CompletionRequest, Model } from "./model.ts";
import { requestHashOf } from "./request-hash.ts";

const noAbort = new AbortController().signal;

function aRequest(text = "hello", seed = 1): CompletionRequest {
  return {
    purpose: "act",
    system: "",
    messages: [{ role: "user", content: [{ kind: "text", text }] }],
    outputTokensMax: 10,
    output: { kind: "text" },
    seed,
  };
}

/** A store in memory that keeps JSON, as the real one does, and parses what it gives back. */
function memoryStore(): JournalStore & { values: Map<string, string> } {
  const values = new Map<string, string>();
  const blobs = new Map<string, Uint8Array>();
  const unused = (): never => {
    throw new Error("the journal does not use this");
  };
  const records: RecordStore<JournaledCompletion> = {
    get: async (key) => {
      const text = values.get(key);
      return text === undefined ? null : { value: JournaledCompletion.parse(JSON.parse(text)), revision: 1 };
    },
    create: async (key, value) => {
      if (values.has(key)) throw new HindcastError({ code: "BUS_CONFLICT", boundary: "bus", message: "exists" });
      values.set(key, JSON.stringify(value));
      return 1;
    },
    update: unused,
    put: unused,
    delete: unused,
    entries: unused,
    watch: unused,
  };
  return {
    values,
    records,
    blobs: {
      put: async (bytes) => {
        const sha256 = Sha256.parse(sha256Hex(bytes));
        blobs.set(sha256, bytes);
        return BlobRef.parse({ sha256, bytes: bytes.length });
      },
      get: async ({ sha256 }) => blobs.get(sha256) ?? unused(),
    },
  };
}

/** A model that counts what it is asked and answers as told. */
function countingModel(
  answer: (request: CompletionRequest, signal: AbortSignal) => Promise<string> = async () => "an answer",
): Model & { asked: number } {
  const model = {
    id: "anthropic:m",
    provider: "anthropic" as const,
    isOffline: false,
    settings: { thinking: "default" },
    asked: 0,
    complete: async (request: CompletionRequest, signal: AbortSignal): Promise<Completion> => {
      model.asked++;
      return {
        text: await answer(request, signal),
        thinking: "a thought",
        stop: "end",
        usage: { ...noUsage, inputTokens: 5, outputTokens: 2 },
        costUsd: 0.25,
        resolvedModel: "m-1",
        requestHash: requestHashOf(model, request),
        journaled: false,
        durationMs: 12,
        attempts: 3,
      };
    },
  };
  return model;
}

describe("a journaled model", () => {
  it("buys an answer once; a hit costs nothing and has its words and usage", async () => {
    const store = memoryStore();
    const model = countingModel();
    const first = await journaled(model, store).complete(aRequest(), noAbort);
    const second = await journaled(model, store).complete(aRequest(), noAbort);
    expect(first).toMatchObject({ journaled: false, costUsd: 0.25, attempts: 3 });
    expect(second).toEqual({ ...first, journaled: true, costUsd: 0, attempts: 0, durationMs: 0 });
    expect(model.asked).toBe(1);
  });

  it("keeps what was paid in the entry, under the request's hash", async () => {
    const store = memoryStore();
    const model = countingModel();
    const { requestHash } = await journaled(model, store).complete(aRequest(), noAbort);
    expect(JournaledCompletion.parse(JSON.parse(store.values.get(requestHash) ?? ""))).toMatchObject({
      model: "anthropic:m",
      resolvedModel: "m-1",
      costUsd: 0.25,
    });
    expect(requestHash).toBe(requestHashOf(model, aRequest()));
  });

  it("buys again for another seed or text", async () => {
    const model = countingModel();
    const wrapped = journaled(model, memoryStore());
    await wrapped.complete(aRequest("hello", 1), noAbort);
    await wrapped.complete(aRequest("hello", 2), noAbort);
    await wrapped.complete(aRequest("hello!", 1), noAbort);
    expect(model.asked).toBe(3);
  });

  it("shares one call between equal requests at the same time", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const model = countingModel(() => promise);
    const wrapped = journaled(model, memoryStore());
    const all = Promise.all([1, 2, 3].map(() => wrapped.complete(aRequest(), noAbort)));
    resolve("shared");
    const completions = await all;
    expect(completions.map(({ text }) => text)).toEqual(["shared", "shared", "shared"]);
    expect(completions.map(({ costUsd }) => costUsd)).toEqual([0.25, 0, 0]);
    expect(model.asked).toBe(1);
  });

  it("lets one of several callers leave, and aborts the call when the last one does", async () => {
    const asked = Promise.withResolvers<AbortSignal>();
    const model = countingModel((_request, signal) => {
      asked.resolve(signal);
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    });
    const wrapped = journaled(model, memoryStore());
    const [one, two] = [new AbortController(), new AbortController()];
    const first = wrapped.complete(aRequest(), one.signal);
    const second = wrapped.complete(aRequest(), two.signal);
    const shared = await asked.promise;
    one.abort(new Error("first left"));
    await expect(first).rejects.toThrow("first left");
    expect(shared.aborted).toBe(false);
    two.abort(new Error("second left"));
    await expect(second).rejects.toThrow("second left");
    expect(shared.aborted).toBe(true);
    expect(model.asked).toBe(1);
  });

  it("asks anew for a caller that comes after everybody has left", async () => {
    const model = countingModel(async () => "for the second caller");
    const wrapped = journaled(model, memoryStore());
    const controller = new AbortController();
    const left = wrapped.complete(aRequest(), controller.signal);
    controller.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    expect(await wrapped.complete(aRequest(), noAbort)).toMatchObject({ text: "for the second caller" });
    expect(model.asked, "nothing was bought for nobody").toBe(1);
  });

  it("never keeps an error", async () => {
    let fails = true;
    const model = countingModel(async () => {
      if (fails) throw new HindcastError({ code: "MODEL_OVERLOADED", boundary: "model", message: "busy" });
      return "at last";
    });
    const store = memoryStore();
    const wrapped = journaled(model, store);
    await expect(wrapped.complete(aRequest(), noAbort)).rejects.toThrow("busy");
    expect(store.values.size).toBe(0);
    fails = false;
    expect(await wrapped.complete(aRequest(), noAbort)).toMatchObject({ text: "at last", journaled: false });
  });

  it("puts words that do not fit a message into the blob store", async () => {
    const long = "ä".repeat(limits.messageBytesMax);
    const store = memoryStore();
    const model = countingModel(async () => long);
    const { requestHash } = await journaled(model, store).complete(aRequest(), noAbort);
    expect(store.values.get(requestHash)?.length).toBeLessThan(1_000);
    const hit = await journaled(model, store).complete(aRequest(), noAbort);
    expect(hit).toMatchObject({ text: long, thinking: "a thought", journaled: true });
  });

  it("uses the answer that was stored first when two processes bought the same", async () => {
    const store = memoryStore();
    const other = journaled(
      countingModel(async () => "the other's"),
      store,
    );
    const model = countingModel(async (request) => {
      await other.complete(request, noAbort);
      return "ours";
    });
    const completion = await journaled(model, store).complete(aRequest(), noAbort);
    expect(completion).toMatchObject({ text: "the other's", journaled: false, costUsd: 0.25 });
  });

  it("does not give out an answer that it could not write down", async () => {
    const store = memoryStore();
    store.records.create = async () => {
      throw new HindcastError({ code: "BUS_UNAVAILABLE", boundary: "bus", message: "no server", retryable: true });
    };
    await expect(journaled(countingModel(), store).complete(aRequest(), noAbort)).rejects.toThrow("no server");
  });
});
