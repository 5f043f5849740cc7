// What a world leaves out whose protocol knows no snapshots and judges nothing.
import type { Judgement, ToolCall, World, WorldDescription, WorldState } from "./world.ts";
import { worldUnavailable } from "./world-faults.ts";

export abstract class PlainWorld implements World {
  abstract readonly description: WorldDescription;
  readonly #name: string;
  readonly #who: string;

  /** @param who has no snapshots: the subject of a sentence in the plural */
  protected constructor(name: string, who: string) {
    this.#name = name;
    this.#who = who;
  }

  abstract reset(
    start: { seed: number; parameters: Record<string, unknown> },
    signal: AbortSignal,
  ): Promise<WorldState>;
  abstract step(call: ToolCall, signal: AbortSignal): Promise<WorldState>;
  abstract close(): Promise<void>;

  snapshot(): Promise<null> {
    return Promise.resolve(null);
  }

  restore(): Promise<never> {
    return Promise.reject(worldUnavailable(this.#name, `${this.#who} have no snapshots`));
  }

  evaluate(_request: { expected: unknown; answer: string | null }, _signal: AbortSignal): Promise<Judgement | null> {
    return Promise.resolve(null);
  }
}
