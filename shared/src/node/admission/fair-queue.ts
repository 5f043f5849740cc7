// Who is next on a lane: strict classes of priority, and within a class campaigns in turn by deficit round robin
// (Shreedhar and Varghese 1995), each getting of the lane what its weight is of all that wait. First come, first served
// within a campaign.

export interface Waiting {
  /** `campaign` of null shares one turn. */
  flow: string;
  /** Smaller goes first. */
  priority: number;
  weight: number;
  /** Positive; what a request takes of the lane. */
  cost: number;
}

interface Flow<T> {
  name: string;
  deficit: number;
  items: T[];
}

interface PriorityClass<T> {
  priority: number;
  flows: Flow<T>[];
  /** The flow whose turn it is. */
  turn: number;
}

export class FairQueue<T extends Waiting> {
  readonly #classes: PriorityClass<T>[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    let queue = this.#classes.find(({ priority }) => priority === item.priority);
    if (queue === undefined) {
      queue = { priority: item.priority, flows: [], turn: 0 };
      this.#classes.push(queue);
      this.#classes.sort((a, b) => a.priority - b.priority);
    }
    const flow = queue.flows.find(({ name }) => name === item.flow);
    if (flow === undefined) queue.flows.push({ name: item.flow, deficit: 0, items: [item] });
    else flow.items.push(item);
    this.#length += 1;
  }

  /**
   * Takes the next item of those for which `isReady` holds; an item that is not lets its followers go first.
   * `mayGo` is asked once, of that item: false leaves everything as it is, and the same item is next again.
   */
  next(isReady: (item: T) => boolean, mayGo: (item: T) => boolean): T | null {
    for (const queue of this.#classes) {
      const heads = queue.flows.map((flow) => flow.items.find(isReady));
      if (heads.every((head) => head === undefined)) continue;
      const at = this.#turnOf(queue, heads);
      const flow = queue.flows[at];
      const item = heads[at];
      if (flow === undefined || item === undefined || !mayGo(item)) return null;
      flow.deficit -= item.cost;
      this.#remove(queue, flow, item);
      return item;
    }
    return null;
  }

  remove(item: T): void {
    const queue = this.#classes.find(({ priority }) => priority === item.priority);
    const flow = queue?.flows.find(({ name }) => name === item.flow);
    if (queue !== undefined && flow?.items.includes(item) === true) this.#remove(queue, flow, item);
  }

  items(): T[] {
    return this.#classes.flatMap(({ flows }) => flows.flatMap(({ items }) => items));
  }

  /** Goes round from the present turn, giving each flow its weight at every visit, until one can pay for its head. */
  #turnOf(queue: PriorityClass<T>, heads: (T | undefined)[]): number {
    const { flows } = queue;
    for (;;) {
      for (let visited = 0; visited < flows.length; visited += 1) {
        const [flow, head] = [flows[queue.turn], heads[queue.turn]];
        if (flow !== undefined && head !== undefined && flow.deficit >= head.cost) return queue.turn;
        queue.turn = (queue.turn + 1) % flows.length;
        const [next, nextHead] = [flows[queue.turn], heads[queue.turn]];
        if (next !== undefined && nextHead !== undefined) next.deficit += nextHead.weight;
      }
      // Nobody could pay: as many whole rounds as the nearest one needs are the same as going through them.
      const rounds = heads.map((head, at) => {
        const missing = head === undefined ? Number.POSITIVE_INFINITY : head.cost - (flows[at]?.deficit ?? 0);
        return Math.max(0, Math.ceil(missing / (head?.weight ?? 1)) - 1);
      });
      const skipped = Math.min(...rounds);
      if (skipped === 0) continue;
      for (const [at, flow] of flows.entries()) flow.deficit += skipped * (heads[at]?.weight ?? 0);
    }
  }

  /** A flow that has nothing left loses its credit: who does not wait saves nothing up. */
  #remove(queue: PriorityClass<T>, flow: Flow<T>, item: T): void {
    flow.items.splice(flow.items.indexOf(item), 1);
    this.#length -= 1;
    if (flow.items.length > 0) return;
    const at = queue.flows.indexOf(flow);
    queue.flows.splice(at, 1);
    if (queue.turn > at) queue.turn -= 1;
    if (queue.turn >= queue.flows.length) queue.turn = 0;
  }
}
