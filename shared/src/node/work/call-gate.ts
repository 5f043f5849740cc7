// Comes to rest without wasting what is paid for already: model calls that are under way are let finish, and their
// answers reach the journal; no other begins.
import type { ModelSource } from "../model/model-registry.ts";
import type { Completion, CompletionRequest, Model } from "../model/model.ts";

export class CallGate implements Disposable {
  readonly #closing: AbortSignal;
  readonly #quiet = new AbortController();
  readonly #onClosing = (): void => this.#look();
  #underWay = 0;

  /** @param closing closes the gate when it aborts. */
  constructor(closing: AbortSignal) {
    this.#closing = closing;
    closing.addEventListener("abort", this.#onClosing, { once: true });
    this.#look();
  }

  /** Aborts when the gate is closed and no call is under way: now everything may stop. */
  get quiet(): AbortSignal {
    return this.#quiet.signal;
  }

  /**
   * A campaign's models behind the gate. What is asked in batches stays outside: an answer may take a day, and it
   * reaches the journal whether or not anybody waits for it.
   */
  guard(model: ModelSource): ModelSource {
    return (id, batch) => {
      const given = model(id, batch);
      return (batch?.purposes.length ?? 0) > 0 ? given : this.wrap(given);
    };
  }

  /** The model behind the gate. Calls that come after it was closed wait for the quiet and end with it. */
  wrap(model: Model): Model {
    const complete = (request: CompletionRequest, signal: AbortSignal): Promise<Completion> =>
      this.#pass(() => model.complete(request, signal), signal);
    const { id, provider, isOffline, settings, isPriced = true } = model;
    return { id, provider, isOffline, isPriced, complete, ...(settings === undefined ? {} : { settings }) };
  }

  [Symbol.dispose](): void {
    this.#closing.removeEventListener("abort", this.#onClosing);
  }

  async #pass(call: () => Promise<Completion>, signal: AbortSignal): Promise<Completion> {
    if (this.#closing.aborted) await aborted(AbortSignal.any([signal, this.quiet]));
    this.#underWay += 1;
    try {
      return await call();
    } finally {
      this.#underWay -= 1;
      this.#look();
    }
  }

  #look(): void {
    if (this.#closing.aborted && this.#underWay === 0) this.#quiet.abort(this.#closing.reason);
  }
}

/** Rejects with the signal's reason. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
