// When a request passes the stations of its way, on a clock that all processes of a machine share. It is for one request
// at a time: what came last and what is written next belong to it.
//
// Used in the benchmark's own process, and loaded into the processes that answer by `--import`, where the parent asks for
// the stamps by messages.
import { Socket } from "node:net";
import type { MicroService } from "@hindcast/shared/node";
import type { VectorsAnswer } from "../../ts/retrieval-index.ts";
import { RetrievalService } from "../../ts/retrieval-service.ts";
import { TrustingIndex } from "../../ts/trusting-index.ts";

/**
 * Microseconds of the monotonic clock. Bytes are `read` when the event loop hands them over, a request has `begun` when
 * its handler is called and is `answered` when that is done; the write of its bytes begins (`writing`) and returns
 * (`written`). Without a search, `searching` and `searched` are when it has begun.
 */
export type Station = "read" | "begun" | "searching" | "searched" | "answered" | "writing" | "written";
export type Passed = Record<Station, number>;

/** How an echo works before it answers: so many microseconds, computing alone or reading memory. */
export interface Work {
  micros: number;
  isReading: boolean;
}

export type StampsRequest = { ask: "stamps" } | { ask: "work"; work: Work };

/** The largest of many differences: whatever comes between the readings of the two clocks makes one smaller. */
const offset = Math.max(
  ...Array.from({ length: 1_000 }, () => Number(process.hrtime.bigint()) / 1_000 - performance.now() * 1_000),
);
export const nowMicros = (): number => offset + performance.now() * 1_000;

const nothing: Passed = { read: 0, begun: 0, searching: 0, searched: 0, answered: 0, writing: 0, written: 0 };
let lastRead = 0;
let current = { ...nothing };
let isWriteAwaited = false;
let passed: Passed[] = [];

/** What has passed since it was asked last. */
export function takeStamps(): Passed[] {
  const taken = passed;
  passed = [];
  return taken;
}

/** A request that this process sends: its write comes next, then the read that answers it. */
export async function stampedRequest<T>(send: () => Promise<T>): Promise<Passed> {
  current = { ...nothing };
  const own = current;
  isWriteAwaited = true;
  await send();
  return { ...own, read: lastRead };
}

/** A request that this process answers. */
export async function stampedAnswer<T>(answer: () => Promise<T>): Promise<T> {
  const begun = nowMicros();
  current = { ...nothing, read: lastRead, begun, searching: begun, searched: begun };
  const own = current;
  try {
    return await answer();
  } finally {
    own.answered = nowMicros();
    passed.push(own);
    isWriteAwaited = true;
  }
}

/** Of every socket of the process, because the client library does not show its own. */
export function stampSockets(): void {
  around<boolean>(Socket.prototype, "push", (push) => {
    lastRead = nowMicros();
    return push();
  });
  around<boolean>(Socket.prototype, "write", (write) => {
    const own = isWriteAwaited ? current : { ...nothing };
    isWriteAwaited = false;
    own.writing = nowMicros();
    const hasRoom = write();
    own.written = nowMicros();
    return hasRoom;
  });
}

export function stampService(): void {
  around<MicroService>(RetrievalService.prototype, "describe", (describe) => {
    const service = describe();
    const endpoints = service.endpoints.map((endpoint) => ({
      ...endpoint,
      handle: (payload: Uint8Array, signal: AbortSignal) => stampedAnswer(() => endpoint.handle(payload, signal)),
    }));
    return { ...service, endpoints };
  });
  around<VectorsAnswer>(TrustingIndex.prototype, "searchVectorsHere", (search) => {
    current.searching = nowMicros();
    const found = search();
    current.searched = nowMicros();
    return found;
  });
  around<Promise<VectorsAnswer>>(TrustingIndex.prototype, "searchVectors", async (search) => {
    current.searching = nowMicros();
    const found = await search();
    current.searched = nowMicros();
    return found;
  });
}

/** Replaces a method of all instances by one that calls it. */
function around<Result>(prototype: object, name: string, wrapper: (call: () => Result) => Result): void {
  const inner = Reflect.get(prototype, name) as (...given: unknown[]) => Result;
  const outer = function (this: object, ...given: unknown[]): Result {
    return wrapper(() => inner.apply(this, given));
  };
  Reflect.set(prototype, name, outer);
}

/** 8 MiB: more than a core's own caches hold. */
const memoryNumbers = 2 ** 20;
let memory = new Float64Array();
let work: Work = { micros: 0, isReading: false };
let at = 0;

/** What an echo does instead of searching. @returns what it has read, so that it is read */
export function works(): number {
  const until = nowMicros() + work.micros;
  let sum = 0;
  while (nowMicros() < until) {
    // A number of each line of the cache.
    for (let line = 0; work.isReading && line < 64; line += 1) sum += memory[(at = (at + 8) % memoryNumbers)] ?? 0;
  }
  return sum;
}

function beginWork(next: Work): void {
  work = next;
  // Written once: memory that never was is one page for all of it.
  if (work.isReading && memory.length === 0) memory = new Float64Array(memoryNumbers).fill(1);
}

function listen(): void {
  stampSockets();
  stampService();
  process.on("message", (request: StampsRequest) => {
    if (request.ask === "work") beginWork(request.work);
    process.send?.(takeStamps());
  });
  // It does not keep the process from ending.
  process.channel?.unref();
}

if (process.channel !== undefined) listen();
