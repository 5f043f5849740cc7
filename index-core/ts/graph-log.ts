// Keeps the graphs of an index to what the log says, and writes into the log what it should say next. Every replica of a
// group does both: whoever is first is heard, and what the others write changes nothing.
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type GraphEntry, limits, messageOf } from "@hindcast/shared";
import type { DemonstrationLog, Logger } from "@hindcast/shared/node";
import type { NativeGraphNews, NativeGraphOrder } from "./native.d.ts";

/** An index whose graphs follow its log. */
export interface LedIndex {
  graphNews(): Promise<NativeGraphNews[]>;
  beginGraph(order: NativeGraphOrder, at: number): Promise<boolean>;
  showGraph(environment: string, begunAt: number, fingerprint: string): Promise<"absent" | "awaited" | "searched">;
  /** Resolves when everything that was begun is built. */
  settle(): Promise<void>;
}

export interface GraphLogOptions {
  index: LedIndex;
  log: Pick<DemonstrationLog, "tell">;
  /** Of `groupOf`. */
  group: string;
  logger: Logger;
  /** Told how long the log stood still for a graph. */
  onWaited?: (seconds: number) => void;
}

export class GraphLog {
  readonly #options: GraphLogOptions;
  /** When each piece of news was told last. */
  readonly #told = new Map<string, number>();

  constructor(options: GraphLogOptions) {
    this.#options = options;
  }

  /**
   * What the log says at `sequence`. `waits`: until a graph that is to be searched from here on is built, as it must be
   * where answers are given; a replica that only catches up goes on, and settles at the end.
   */
  async apply(entry: GraphEntry, sequence: number, waits: boolean): Promise<void> {
    const { index, group, logger, onWaited } = this.#options;
    if (entry.group !== group) return;
    const { environment, from, to } = entry;
    if (entry.kind === "graph.begin") {
      const { hasGraph, after } = entry;
      if (!(await index.beginGraph({ environment, from, to, hasGraph, after }, sequence))) return;
      logger.info({ event: "graph.begun", environment, from, to, sequence });
      // What was told before may have come too late, and is told again at once where it is still news.
      this.#told.clear();
      return;
    }
    const shown = await index.showGraph(environment, entry.begunAt, entry.fingerprint);
    if (shown === "awaited" && waits) {
      const startedAt = performance.now();
      await index.settle();
      const seconds = (performance.now() - startedAt) / 1_000;
      logger.info({ event: "graph.awaited", environment, from, to, seconds });
      onWaited?.(seconds);
    }
    if (shown !== "absent") logger.info({ event: "graph.shown", environment, from, to, sequence });
  }

  /** Resolves when all graphs that the log has shown are searched. */
  async settle(): Promise<void> {
    await this.#options.index.settle();
  }

  /** Tells the others what they should know, until `signal` aborts. `applied`: the sequence that the index has reached. */
  async tellNews(applied: () => number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.tell(applied());
      } catch (error) {
        // It is told again.
        if (!signal.aborted) this.#options.logger.warn({ event: "graph.untold", problem: messageOf(error) });
      }
      await delay(limits.graphNewsEveryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Once. `applied` must have been read before: what is applied later is not what the news are about. */
  async tell(applied: number): Promise<void> {
    const { index, log } = this.#options;
    const now = performance.now();
    const news = (await index.graphNews()).map((one) => this.#entryOf(one, applied));
    const keys = new Set(news.map(keyOf));
    for (const key of this.#told.keys()) if (!keys.has(key)) this.#told.delete(key);
    for (const entry of news) {
      const toldAt = this.#told.get(keyOf(entry)) ?? -Infinity;
      if (now - toldAt < limits.graphNewsRepeatMs) continue;
      // If somebody else was first, their entry is on its way here.
      await log.tell(entry, applied);
      this.#told.set(keyOf(entry), now);
    }
  }

  #entryOf({ environment, from, to, hasGraph, begunAt, fingerprint }: NativeGraphNews, after: number): GraphEntry {
    const range = { v: 1, group: this.#options.group, environment, from, to } as const;
    if (begunAt === null) return { ...range, kind: "graph.begin", hasGraph, after };
    return { ...range, kind: "graph.ready", begunAt, fingerprint };
  }
}

/** The replicas that share graphs: of one version, which names rules and embedder, and one partition. */
export function groupOf(version: string, { index, of }: { index: number; of: number }): string {
  const digest = createHash("sha256").update(version).digest("hex").slice(0, 16);
  return `${of}-${index}-${digest}`;
}

const keyOf = (entry: GraphEntry): string =>
  entry.kind === "graph.begin"
    ? `${entry.environment} ${entry.from} ${entry.to} ${entry.hasGraph}`
    : `${entry.environment} ${entry.begunAt}`;
