// Sees what the processes are promised: every write that was acknowledged to them, every lease that they were given,
// every answer that they bought. The invariants compare these promises with what the server holds in the end.
import type { Task, TaskResult, TrajectoryRecord, WorkerId } from "@hindcast/shared";
import type { Acquisition, Bus, Completion, Lease, LeasedTask, Model } from "@hindcast/shared/node";
import { currentProcess } from "./time/process.ts";

/** A safeguard that is taken out, to show that the invariants notice. */
export const weakenings = [
  "fencing off",
  "journal off",
  "ack before commit",
  "reservations off",
  "worlds never closed",
] as const;
export type Weakening = (typeof weakenings)[number];

export interface AcquiredLease {
  name: string;
  token: number;
  by: string;
}

export class Witness {
  readonly tasks = new Map<string, Task>();
  readonly records: TrajectoryRecord[] = [];
  readonly results: { result: TaskResult; by: string }[] = [];
  readonly demonstrations = new Set<string>();
  readonly blobs = new Set<string>();
  readonly leases: AcquiredLease[] = [];
  /** When an answer to a request was first handed to who asked for it. */
  readonly usedAt = new Map<string, number>();
  readonly doubleBuys: string[] = [];
  readonly #weakening: Weakening | null;

  constructor(weakening: Weakening | null) {
    this.#weakening = weakening;
  }

  /** The same bus, under observation. */
  watched(bus: Bus): Bus {
    const { leases } = bus;
    const members: Partial<Bus> = {
      tasks: {
        publish: async (task, signal) => {
          const outcome = await bus.tasks.publish(task, signal);
          this.tasks.set(task.taskId, task);
          return outcome;
        },
        lease: async (...args) => {
          const leased = await bus.tasks.lease(...args);
          return this.#weakening === "ack before commit" ? await acknowledgedEarly(leased) : leased;
        },
        purge: (campaign) => bus.tasks.purge(campaign),
        backlog: (pool) => bus.tasks.backlog(pool),
        inspect: (pool) => bus.tasks.inspect(pool),
      },
      trajectories: delegate(bus.trajectories, {
        append: async (record) => {
          const bytes = await bus.trajectories.append(record);
          this.records.push(record);
          return bytes;
        },
      }),
      results: delegate(bus.results, {
        put: async (result: TaskResult) => {
          const outcome = await bus.results.put(result);
          if (outcome === "stored") this.results.push({ result, by: currentProcess()?.name ?? "" });
          return outcome;
        },
      }),
      demonstrations: delegate(bus.demonstrations, {
        put: async (demonstration: Parameters<Bus["demonstrations"]["put"]>[0]) => {
          const sequence = await bus.demonstrations.put(demonstration);
          this.demonstrations.add(demonstration.id);
          return sequence;
        },
      }),
      blobs: delegate(bus.blobs, {
        put: async (bytes: Uint8Array) => {
          const ref = await bus.blobs.put(bytes);
          this.blobs.add(ref.sha256);
          return ref;
        },
      }),
      leases: delegate(leases, {
        acquire: async (...args: Parameters<Bus["leases"]["acquire"]>) => {
          if (this.#weakening === "fencing off") return unfenced(args[0], args[1]);
          const acquisition = await leases.acquire(...args);
          if (acquisition.kind === "acquired") {
            const { name, token } = acquisition.lease;
            this.leases.push({ name, token, by: currentProcess()?.name ?? "" });
          }
          return acquisition;
        },
      }),
    };
    return delegate(bus, members);
  }

  /** The same model; an answer that was handed over must never be bought again. */
  watchedModel(model: Model): Model {
    return delegate(model, {
      complete: async (request: Parameters<Model["complete"]>[0], signal: AbortSignal): Promise<Completion> => {
        const now = (): number => currentProcess()?.scheduler.now ?? 0;
        const askedAt = now();
        const completion = await model.complete(request, signal);
        const usedAt = this.usedAt.get(completion.requestHash);
        if (!completion.journaled && usedAt !== undefined && askedAt > usedAt) {
          this.doubleBuys.push(
            `${request.purpose} ${completion.requestHash.slice(0, 12)} by ${currentProcess()?.name}`,
          );
        }
        if (usedAt === undefined) this.usedAt.set(completion.requestHash, now());
        return completion;
      },
    });
  }
}

/** Results that a person would call an outcome of the task, as opposed to Hindcast having failed. */
export const isOutcome = (result: TaskResult): boolean =>
  (result.kind === "stage.ended" && result.outcome === "completed") ||
  (result.kind === "episode.ended" && result.reason !== "infrastructure" && result.reason !== "unavailable");

/** `target` with some of its members in another version. */
function delegate<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get: (_, key) => {
      if (Object.hasOwn(members, key)) return members[key as keyof T];
      const value = target[key as keyof T] as unknown;
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

async function acknowledgedEarly(leased: LeasedTask[]): Promise<LeasedTask[]> {
  for (const each of leased) await each.done();
  return leased;
}

/** A lease that anybody gets at any time. */
function unfenced(name: Lease["name"], workerId: WorkerId): Acquisition {
  const lease: Lease = {
    name,
    workerId,
    token: 1,
    lost: new AbortController().signal,
    renew: () => Promise.resolve(true),
    close: (result) => Promise.resolve({ result, remove: () => Promise.resolve() }),
    release: () => Promise.resolve(),
  };
  return { kind: "acquired", lease };
}
