// Long work on the event loop in pieces, so that a request waits for one piece and not for all of the work.
import { setImmediate as nextTurn } from "node:timers/promises";

const pieceMsMax = 0.5;

export class Pieces {
  #beganAt = performance.now();

  /** Between two steps of the work: lets the loop turn where the piece has become long enough. */
  async rest(): Promise<void> {
    if (performance.now() - this.#beganAt < pieceMsMax) return;
    await nextTurn();
    this.#beganAt = performance.now();
  }
}
