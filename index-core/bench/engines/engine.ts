// What a process with one engine is asked, and what an engine must be able to do. Python's side is python/engine.py.
export interface BuildRequest {
  op: "build";
  data: string;
  folder: string;
  threads: number;
}
export interface BuildReply {
  seconds: number;
  /** What is written to disk. */
  bytes: number;
}
export interface OpenRequest {
  op: "open";
  data: string;
  folder: string;
  efs: number[];
}
export interface OpenReply {
  milliseconds: number;
}
export interface RoundRequest {
  op: "round";
  variant: string;
  ef: number;
  k: number;
  /** Queries [from, to) of the data set, one at a time. */
  from: number;
  to: number;
  /** A case of filters.json. */
  filter: string | null;
}
export interface RoundReply {
  micros: number[];
  /** `k` row numbers per query, −1 where there was none. */
  ids: number[];
}
export interface ThroughputRequest {
  op: "throughput";
  variant: string;
  ef: number;
  k: number;
  threads: number;
  seconds: number;
}
export interface ThroughputReply {
  /** Null where the engine cannot use that many threads. */
  perSecond: number | null;
}
export interface MemoryReply {
  /** MiB since before the index was opened. */
  anonymous: number;
  mapped: number;
}

/** One way to ask one query; `ids` is called outside the measured time. */
export interface Runner {
  isAsync: boolean;
  run(query: number): unknown;
  ids(results: unknown[]): number[] | Promise<number[]>;
}
export interface RunnerOptions {
  variant: string;
  ef: number;
  k: number;
  filter: string | null;
}

export interface Engine {
  /** Builds with so many threads, one where it has no more, and saves into the folder. */
  build(data: string, folder: string, threads: number): Promise<void>;
  open(request: OpenRequest): Promise<void>;
  runner(options: RunnerOptions): Runner;
  /** Queries a second over all queries of the data set in batches, where the engine has such a call. */
  batch?(options: RunnerOptions, threads: number): () => number;
  close(): Promise<void>;
}

export const graphOptions = { connectivity: 16, expansionAdd: 128 };
