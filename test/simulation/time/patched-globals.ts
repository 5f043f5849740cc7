// Makes the runtime's clocks, timers and random numbers those of the simulated process whose code is running. Code that
// runs outside any simulated process (the test runner, say) keeps the real ones.
import { createRequire, syncBuiltinESMExports } from "node:module";
import { currentProcess, type SimulatedProcess } from "./process.ts";
import type { Event } from "./scheduler.ts";

const require = createRequire(import.meta.url);
type Builtin = Record<string, unknown>;

/** What `setTimeout` and `setInterval` return. */
class SimulatedTimer {
  readonly #process: SimulatedProcess;
  readonly #delayMs: number;
  readonly #isRepeated: boolean;
  readonly #run: () => void;
  #event: Event | undefined;

  constructor(process: SimulatedProcess, run: () => void, delayMs: number, isRepeated: boolean) {
    this.#process = process;
    this.#run = run;
    this.#delayMs = Number.isFinite(delayMs) && delayMs >= 1 ? Math.min(delayMs, 2 ** 31 - 1) : 1;
    this.#isRepeated = isRepeated;
    this.#arm();
  }

  cancel(): void {
    if (this.#event !== undefined) this.#event.isCancelled = true;
    this.#event = undefined;
  }

  refresh(): this {
    this.cancel();
    this.#arm();
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  close(): this {
    this.cancel();
    return this;
  }

  [Symbol.dispose](): void {
    this.cancel();
  }

  #arm(): void {
    this.#event = this.#process.after(this.#delayMs, () => {
      this.#event = undefined;
      this.#run();
      if (this.#isRepeated && this.#event === undefined && !this.#isStopped) this.#arm();
    });
  }

  #isStopped = false;
  stop(): void {
    this.#isStopped = true;
    this.cancel();
  }
}

class AbortError extends Error {
  override readonly name = "AbortError";
  readonly code = "ABORT_ERR";

  constructor(cause: unknown) {
    super("The operation was aborted", { cause });
  }
}

function sleep<T>(process: SimulatedProcess, delayMs: number, value: T, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(new AbortError(signal.reason));
    const onAbort = (): void => {
      event.isCancelled = true;
      reject(new AbortError(signal?.reason));
    };
    const event = process.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve(value);
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

function patchesOf(real: typeof globalThis): { target: object; patches: Builtin }[] {
  const { setTimeout, setInterval, setImmediate, clearTimeout, clearImmediate, Date: RealDate } = real;
  type Callback = (...args: unknown[]) => void;
  const timer =
    (native: (...args: never[]) => unknown, isRepeated: boolean) =>
    (callback: Callback, delayMs?: number, ...args: unknown[]): unknown => {
      const process = currentProcess();
      if (process === undefined) return (native as (...all: unknown[]) => unknown)(callback, delayMs, ...args);
      return new SimulatedTimer(process, () => callback(...args), delayMs ?? 1, isRepeated);
    };
  const clear = (handle: unknown): void => {
    if (handle instanceof SimulatedTimer) handle.stop();
    else clearTimeout(handle as NodeJS.Timeout);
  };
  class SimulatedDate extends RealDate {
    constructor(...args: unknown[]) {
      const process = args.length === 0 ? currentProcess() : undefined;
      if (process === undefined) super(...(args as [number]));
      else super(process.wallMs());
    }

    static override now(): number {
      return currentProcess()?.wallMs() ?? RealDate.now();
    }

    static override [Symbol.hasInstance](value: unknown): boolean {
      return Object.prototype.isPrototypeOf.call(RealDate.prototype, value as object);
    }
  }
  const realNow = performance.now.bind(performance);
  const realTimeout = AbortSignal.timeout.bind(AbortSignal);
  const realRandom = Math.random;
  const realUuid = crypto.randomUUID.bind(crypto);
  const promises = require("node:timers/promises") as Builtin;
  const realSleep = promises["setTimeout"] as (...args: unknown[]) => Promise<unknown>;
  const timers = {
    setTimeout: timer(setTimeout, false),
    setInterval: timer(setInterval, true),
    setImmediate: (callback: Callback, ...args: unknown[]) => {
      const process = currentProcess();
      if (process === undefined) return setImmediate(callback, ...args);
      return new SimulatedTimer(process, () => callback(...args), 0, false);
    },
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: (handle: unknown) =>
      handle instanceof SimulatedTimer ? handle.stop() : clearImmediate(handle as NodeJS.Immediate),
  };
  const randomUUID = (): string => {
    const hex = currentProcess()?.random.hex(32);
    if (hex === undefined) return realUuid();
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  };
  return [
    { target: real, patches: { ...timers, Date: SimulatedDate } },
    { target: performance, patches: { now: () => currentProcess()?.monotonicMs() ?? realNow() } },
    { target: Math, patches: { random: () => currentProcess()?.random.fraction() ?? realRandom() } },
    { target: require("node:crypto") as object, patches: { randomUUID } },
    {
      target: AbortSignal,
      patches: {
        timeout: (ms: number) => {
          const process = currentProcess();
          if (process === undefined) return realTimeout(ms);
          const controller = new AbortController();
          const reason = (): DOMException =>
            new DOMException("The operation was aborted due to timeout", "TimeoutError");
          process.after(ms, () => controller.abort(reason()));
          return controller.signal;
        },
      },
    },
    {
      target: promises,
      patches: {
        setTimeout: (ms?: number, value?: unknown, options?: { signal?: AbortSignal }) => {
          const process = currentProcess();
          return process === undefined
            ? realSleep(ms, value, options)
            : sleep(process, ms ?? 1, value, options?.signal);
        },
      },
    },
  ];
}

/** Patches the runtime, also with what is in `more`; disposing restores it. */
export function patchGlobals(more: { target: object; patches: Builtin }[] = []): Disposable {
  const undo: (() => void)[] = [];
  for (const { target, patches } of [...patchesOf(globalThis), ...more]) {
    for (const [name, value] of Object.entries(patches)) {
      const before = Object.getOwnPropertyDescriptor(target, name);
      Object.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: true });
      undo.unshift(() => {
        if (before === undefined) delete (target as Builtin)[name];
        else Object.defineProperty(target, name, before);
      });
    }
  }
  syncBuiltinESMExports();
  return {
    [Symbol.dispose]: () => {
      for (const restore of undo) restore();
      syncBuiltinESMExports();
    },
  };
}
