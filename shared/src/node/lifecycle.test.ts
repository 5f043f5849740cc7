// Requirements: 3.4.drain, 3.bad.ctrl-c
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { limits } from "../limits.ts";
import { Shutdown } from "./lifecycle.ts";
import { silentLogger } from "./logger.ts";

const never = (): Promise<void> => new Promise(() => {});

describe("Shutdown", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const aShutdown = (drainMs = 1_000): { shutdown: Shutdown; order: string[]; closes: (name: string) => void } => {
    const shutdown = new Shutdown({ logger: silentLogger, drainMs });
    const order: string[] = [];
    return { shutdown, order, closes: (name) => shutdown.defer(name, () => void order.push(name)) };
  };

  it("goes from starting over running and draining to stopped, closing in reverse order", async () => {
    const { shutdown, order, closes } = aShutdown();
    closes("bus");
    closes("worker");
    expect(shutdown.state).toBe("starting");
    shutdown.running();
    expect(shutdown.state).toBe("running");
    shutdown.request("SIGTERM");
    expect(shutdown.state).toBe("draining");
    expect(shutdown.draining.aborted).toBe(true);
    expect(await shutdown.finished).toBe(0);
    expect(order).toEqual(["worker", "bus"]);
    expect(shutdown.state).toBe("stopped");
    expect(shutdown.aborted.aborted).toBe(false);
  });

  it("says that it is ready at every log level, because launchers wait for it", () => {
    const lines: string[] = [];
    const shutdown = new Shutdown({ logger: pino({ level: "error" }, { write: (line) => void lines.push(line) }) });
    shutdown.running();
    expect(lines.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(["process.ready"]);
  });

  it("calls what starting stumbled over a failure, unless it was told to stop meanwhile", async () => {
    const failing = aShutdown().shutdown;
    failing.startFailed(new Error("no server"));
    expect(await failing.finished).toBe(1);
    const stopped = aShutdown().shutdown;
    stopped.request("SIGTERM");
    stopped.startFailed(new Error("connection draining"));
    expect(await stopped.finished).toBe(0);
  });

  it("closes the rest when one closer fails, and exits non-zero", async () => {
    const { shutdown, order, closes } = aShutdown();
    closes("bus");
    shutdown.defer("sandbox", () => Promise.reject(new Error("busy")));
    closes("worker");
    shutdown.request("SIGTERM");
    expect(await shutdown.finished).toBe(1);
    expect(order).toEqual(["worker", "bus"]);
    expect(shutdown.state).toBe("failed");
  });

  it("aborts on a second signal and still gives each closer its grace", async () => {
    const { shutdown, order, closes } = aShutdown(60_000);
    closes("bus");
    shutdown.defer("episode", never);
    shutdown.running();
    shutdown.request("SIGINT");
    await vi.advanceTimersByTimeAsync(10);
    shutdown.request("SIGINT");
    expect(shutdown.aborted.aborted).toBe(true);
    await vi.advanceTimersByTimeAsync(limits.abortMs);
    expect(await shutdown.finished).toBe(1);
    expect(order).toEqual(["bus"]);
  });

  it("aborts at the deadline and hands the abort to the closer that is running", async () => {
    const { shutdown } = aShutdown(1_000);
    shutdown.defer(
      "episode",
      (aborted) => new Promise<void>((resolve) => aborted.addEventListener("abort", () => resolve())),
    );
    shutdown.request("SIGTERM");
    await vi.advanceTimersByTimeAsync(999);
    expect(shutdown.state).toBe("draining");
    await vi.advanceTimersByTimeAsync(1);
    expect(await shutdown.finished).toBe(1);
  });

  it("closes what is registered while draining, and drains a start that was interrupted", async () => {
    const { shutdown, order, closes } = aShutdown();
    shutdown.defer("first", () => closes("late"));
    shutdown.request("SIGTERM");
    shutdown.running();
    expect(await shutdown.finished).toBe(0);
    expect(order).toEqual(["late"]);
    expect(shutdown.state).toBe("stopped");
  });

  it("drains with a non-zero code after a failure", async () => {
    const { shutdown, order, closes } = aShutdown();
    closes("bus");
    shutdown.fail(new Error("no bus"));
    expect(await shutdown.finished).toBe(1);
    expect(order).toEqual(["bus"]);
  });
});
