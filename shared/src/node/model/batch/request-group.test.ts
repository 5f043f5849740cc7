// Requirements: 5.6.endpoints
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { CompletionRequest } from "../model.ts";
import { batchTuning } from "./batch-tuning.ts";
import { RequestGroup } from "./request-group.ts";
import { WaitingRequest } from "./waiting-request.ts";

const tuning = { ...batchTuning, requestsMax: 3, bytesMax: 2_000, quietMs: 100, quietMsMax: 250 };

function aWaitingRequest(words = "hello"): WaitingRequest {
  const request: CompletionRequest = {
    purpose: "judge",
    system: "",
    messages: [{ role: "user", content: [{ kind: "text", text: words }] }],
    outputTokensMax: 1,
    output: { kind: "text" },
    seed: 1,
  };
  return new WaitingRequest(words, request, 0);
}

describe("a group of requests", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const groups = (): { group: RequestGroup; sizes: number[] } => {
    const sizes: number[] = [];
    return { group: new RequestGroup(tuning, (requests) => void sizes.push(requests.length)), sizes };
  };

  it("is handed in when nothing has joined it for the quiet time", () => {
    const { group, sizes } = groups();
    group.add(aWaitingRequest());
    vi.advanceTimersByTime(99);
    group.add(aWaitingRequest());
    vi.advanceTimersByTime(99);
    expect(sizes).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(sizes).toEqual([2]);
  });

  it("does not wait for ever for a trickle to end", () => {
    const slow = { ...tuning, requestsMax: 100 };
    const sizes: number[] = [];
    const group = new RequestGroup(slow, (requests) => void sizes.push(requests.length));
    for (let i = 0; i < 5; i += 1) {
      group.add(aWaitingRequest());
      vi.advanceTimersByTime(60);
    }
    expect(sizes).toEqual([5]);
  });

  it("is handed in at once when it has as many requests, or bytes, as a batch takes", () => {
    const { group, sizes } = groups();
    for (let i = 0; i < 3; i += 1) group.add(aWaitingRequest());
    expect(sizes).toEqual([3]);
    group.add(aWaitingRequest("x".repeat(1_500)));
    group.add(aWaitingRequest("y".repeat(1_500)));
    expect(sizes).toEqual([3, 1]);
    // One that is larger than a batch goes alone: the provider may still take it.
    group.add(aWaitingRequest("z".repeat(5_000)));
    expect(sizes).toEqual([3, 1, 1]);
    vi.advanceTimersByTime(100);
    expect(sizes).toEqual([3, 1, 1, 1]);
  });

  it("forgets what it has when it is closed", () => {
    const { group, sizes } = groups();
    group.add(aWaitingRequest());
    group.close();
    vi.advanceTimersByTime(1_000);
    expect(sizes).toEqual([]);
  });
});

describe("a request that is waited for", () => {
  it("is left when the last one who waits has gone, and only then", async () => {
    const waiting = aWaitingRequest();
    const [one, two] = [new AbortController(), new AbortController()];
    const joined = [waiting.join(one.signal), waiting.join(two.signal)];
    one.abort(new Error("gone"));
    await expect(joined[0]).rejects.toThrow("gone");
    expect(waiting.left.aborted).toBe(false);
    two.abort(new Error("gone too"));
    await expect(joined[1]).rejects.toThrow("gone too");
    expect(waiting.left.aborted).toBe(true);
  });
});
