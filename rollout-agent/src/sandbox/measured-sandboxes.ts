import { CounterMetric, GaugeMetric, HistogramMetric, type LabelsOf } from "@hindcast/shared/node";
import type { Registry } from "prom-client";
import type { SandboxPool } from "./sandbox-pool.ts";
import type { Sandbox, SandboxProvider } from "./sandbox.ts";

type Driver = LabelsOf<"hindcast_sandbox_opens_total">["driver"];

/** What a rollout agent tells Prometheus of its sandboxes. */
export class SandboxMetrics {
  readonly #registry: Registry;
  readonly #opens: CounterMetric<"hindcast_sandbox_opens_total">;
  readonly #seconds: HistogramMetric<"hindcast_sandbox_open_seconds">;
  readonly #open: GaugeMetric<"hindcast_sandboxes_open">;
  readonly #reaped: CounterMetric<"hindcast_sandboxes_reaped_total">;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#opens = new CounterMetric(registry, "hindcast_sandbox_opens_total");
    this.#seconds = new HistogramMetric(registry, "hindcast_sandbox_open_seconds");
    this.#open = new GaugeMetric(registry, "hindcast_sandboxes_open");
    this.#reaped = new CounterMetric(registry, "hindcast_sandboxes_reaped_total");
  }

  /** One that nobody owned was ended on this machine. */
  reaped(): void {
    this.#reaped.inc({});
  }

  /** Shows what the pool holds whenever it is scraped. */
  observe(pool: Pick<SandboxPool, "ready" | "quarantined">): void {
    const ready: GaugeMetric<"hindcast_sandbox_pool_ready"> = new GaugeMetric(
      this.#registry,
      "hindcast_sandbox_pool_ready",
      {
        collect: () => ready.set(pool.ready, {}),
      },
    );
    const quarantined: CounterMetric<"hindcast_sandbox_quarantined_total"> = new CounterMetric(
      this.#registry,
      "hindcast_sandbox_quarantined_total",
      {
        collect: () => {
          quarantined.reset();
          quarantined.add(pool.quarantined, {});
        },
      },
    );
  }

  /** The same provider, each of whose openings is counted and timed. An abort is no failure. */
  measured(provider: SandboxProvider): SandboxProvider {
    const driver = provider.name as Driver;
    return {
      name: provider.name,
      problems: () => provider.problems(),
      open: async (options, signal) => {
        const startedAt = performance.now();
        try {
          const sandbox = await provider.open(options, signal);
          this.#opens.inc({ driver, outcome: "opened" });
          this.#seconds.observe((performance.now() - startedAt) / 1_000, { driver });
          return this.#counted(sandbox);
        } catch (error) {
          if (!signal.aborted) this.#opens.inc({ driver, outcome: "failed" });
          throw error;
        }
      },
    };
  }

  #counted(sandbox: Sandbox): Sandbox {
    this.#open.add(1, {});
    let isOpen = true;
    const close = async (): Promise<void> => {
      if (isOpen) this.#open.add(-1, {});
      isOpen = false;
      await sandbox.close();
    };
    return {
      id: sandbox.id,
      exec: (command, signal) => sandbox.exec(command, signal),
      state: (signal) => sandbox.state(signal),
      entries: (signal) => sandbox.entries(signal),
      writeFile: (path, content) => sandbox.writeFile(path, content),
      readFile: (path, bytesMax) => sandbox.readFile(path, bytesMax),
      snapshot: (bytesMax, signal) => sandbox.snapshot(bytesMax, signal),
      restore: (snapshot, signal) => sandbox.restore(snapshot, signal),
      fork: async (id, signal) => this.#counted(await sandbox.fork(id, signal)),
      connect: (port) => sandbox.connect(port),
      close,
      [Symbol.asyncDispose]: close,
    };
  }
}
