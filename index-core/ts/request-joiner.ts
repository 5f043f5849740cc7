// Joins requests that arrive together into one call of the index and splits its answer again. A call costs a hop to
// another thread and back whatever it asks for; under load the hop is most of the work.
//
// An idle index is asked at the end of the turn in which a request came, so that a lone request does not wait. While a
// call is under way, requests wait for company, but no longer than `searchBatchWaitMsMax`.
import { HindcastError, limits } from "@hindcast/shared";

export interface JoinedRequest<Context, Item> {
  /** Requests of one key may share a call; they agree on `context`. */
  key: string;
  context: Context;
  items: readonly Item[];
  /** On the clock of `performance.now()`: not begun by then, it is refused. */
  deadlineAt: number;
}

export interface JoinerOptions<Context, Item, Answer> {
  /** One answer per item, in order; nobody waits for one after `deadlineAt`. */
  work(context: Context, items: Item[], deadlineAt: number): Promise<Answer[]>;
  /** Told of each call: requests and items in it, and what each request waited. */
  onCall?: (call: { requests: number; items: number; waitedMs: readonly number[] }) => void;
}

interface Waiting<Context, Item, Answer> extends JoinedRequest<Context, Item> {
  arrivedAt: number;
  resolve(answers: Answer[]): void;
  reject(error: unknown): void;
}

interface Group<Context, Item, Answer> {
  requests: Waiting<Context, Item, Answer>[];
  items: number;
  startedAt: number;
}

export class RequestJoiner<Context, Item, Answer> {
  readonly #options: JoinerOptions<Context, Item, Answer>;
  readonly #groups = new Map<string, Group<Context, Item, Answer>>();
  #underWay = 0;

  constructor(options: JoinerOptions<Context, Item, Answer>) {
    this.#options = options;
  }

  /** @throws INDEX_NOT_READY when the deadline passes before the call begins; otherwise what `work` throws. */
  submit(request: JoinedRequest<Context, Item>): Promise<Answer[]> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer[]>();
    const full = this.#groups.get(request.key);
    if (full !== undefined && full.items + request.items.length > limits.searchBatchQueriesMax) {
      this.#begin(request.key, full);
    }
    const arrivedAt = performance.now();
    const waiting = { ...request, arrivedAt, resolve, reject };
    const group = this.#groups.get(request.key);
    if (group === undefined) {
      const opened = { requests: [waiting], items: request.items.length, startedAt: arrivedAt };
      this.#groups.set(request.key, opened);
      setImmediate(() => this.#look(request.key, opened));
    } else {
      group.requests.push(waiting);
      group.items += request.items.length;
    }
    return promise;
  }

  #look(key: string, group: Group<Context, Item, Answer>): void {
    if (this.#groups.get(key) !== group) return;
    const mayWait = this.#underWay > 0 && performance.now() - group.startedAt < limits.searchBatchWaitMsMax;
    if (mayWait) setImmediate(() => this.#look(key, group));
    else this.#begin(key, group);
  }

  #begin(key: string, group: Group<Context, Item, Answer>): void {
    this.#groups.delete(key);
    const now = performance.now();
    const live = group.requests.filter((request) => {
      if (now <= request.deadlineAt) return true;
      request.reject(tooLate(now - request.arrivedAt));
      return false;
    });
    if (live.length === 0) return;
    const items = live.reduce((sum, request) => sum + request.items.length, 0);
    this.#options.onCall?.({
      requests: live.length,
      items,
      waitedMs: live.map(({ arrivedAt }) => now - arrivedAt),
    });
    this.#underWay += 1;
    void this.#answer(live).finally(() => (this.#underWay -= 1));
  }

  /** Rejections go to the requests; this itself never rejects. */
  async #answer(requests: readonly Waiting<Context, Item, Answer>[]): Promise<void> {
    const [first] = requests;
    if (first === undefined) return;
    try {
      const answers = await this.#options.work(
        first.context,
        requests.flatMap(({ items }) => items),
        Math.max(...requests.map(({ deadlineAt }) => deadlineAt)),
      );
      let from = 0;
      for (const request of requests) {
        request.resolve(answers.slice(from, from + request.items.length));
        from += request.items.length;
      }
    } catch (error) {
      // What passes by itself is nobody's fault, and each would only meet it again. Otherwise one of them may be at
      // fault: each gets a call of its own, so that it spoils no other's answer.
      const isPassing = error instanceof HindcastError && error.retryable;
      if (requests.length === 1 || isPassing) for (const request of requests) request.reject(error);
      else await Promise.all(requests.map((request) => this.#answer([request])));
    }
  }
}

export function tooLate(waitedMs: number): HindcastError {
  return new HindcastError({
    code: "INDEX_NOT_READY",
    boundary: "index",
    message: `the deadline passed before the search began, after ${Math.round(waitedMs)} ms; try again, or allow more time`,
    retryable: true,
  });
}
