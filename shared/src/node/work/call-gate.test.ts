// Requirements: 5.7.pause
import { CallGate, type Completion, type CompletionRequest, type Model } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";

const request = {} as CompletionRequest;

/** A model whose calls are answered when the test says so. */
function aModel(): { model: Model; calls: PromiseWithResolvers<Completion>[] } {
  const calls: PromiseWithResolvers<Completion>[] = [];
  const complete: Model["complete"] = () => {
    const call = Promise.withResolvers<Completion>();
    calls.push(call);
    return call.promise;
  };
  return { model: { id: "offline:slow", provider: "offline", isOffline: true, settings: { a: 1 }, complete }, calls };
}

describe("CallGate", () => {
  it("is quiet only when it is closed and the last call under way has been answered", async () => {
    const closing = new AbortController();
    const { model, calls } = aModel();
    using gate = new CallGate(closing.signal);
    const gated = gate.wrap(model);
    expect(gated).toMatchObject({ id: model.id, provider: "offline", isOffline: true, settings: { a: 1 } });
    const [first, second] = [gated.complete(request, gate.quiet), gated.complete(request, gate.quiet)];
    closing.abort(new Error("paused"));
    const third = gated.complete(request, gate.quiet).catch((error: unknown) => error);
    calls[0]?.resolve({ text: "one" } as Completion);
    await first;
    expect(gate.quiet.aborted).toBe(false);
    calls[1]?.reject(new Error("refused"));
    await expect(second).rejects.toThrow("refused");
    expect(gate.quiet.aborted).toBe(true);
    expect(await third).toMatchObject({ message: "paused" });
    expect(calls).toHaveLength(2);
  });

  it("is quiet at once when nothing is under way, and lets a held call end with its own signal", async () => {
    const closing = new AbortController();
    closing.abort(new Error("paused"));
    using idle = new CallGate(closing.signal);
    expect(idle.quiet.aborted).toBe(true);

    const later = new AbortController();
    const { model } = aModel();
    using gate = new CallGate(later.signal);
    void gate.wrap(model).complete(request, gate.quiet);
    later.abort(new Error("paused"));
    const own = new AbortController();
    const held = gate.wrap(model).complete(request, own.signal);
    own.abort(new Error("cancelled"));
    await expect(held).rejects.toThrow("cancelled");
  });

  it("leaves a gate alone that was disposed of", () => {
    const closing = new AbortController();
    const gate = new CallGate(closing.signal);
    gate[Symbol.dispose]();
    closing.abort(new Error("paused"));
    expect(gate.quiet.aborted).toBe(false);
  });
});
