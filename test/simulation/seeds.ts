// Many seeds beside each other, each worker process with one at a time.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { SimulationOptions, SimulationReport } from "./simulate.ts";

/** What a worker is told and what it answers; a request without a seed asks for the undisturbed run. */
export type SeedRequest = { seed: number } & RunSettings;

/** What is the same for all seeds of a series. */
export type RunSettings = Pick<SimulationOptions, "weakening" | "documents" | "only" | "struck" | "costUsdMax">;

export interface SeedsOptions extends RunSettings {
  first: number;
  count: number;
  workers: number;
  onReport: (report: SimulationReport) => void;
}

/**
 * Killed processes never take their listeners away, and the runtime keeps signals that are listened to: some megabytes
 * per seed that only the end of the real process frees.
 */
const seedsPerWorker = 100;

/** @throws when a worker dies; its seed is in the message. */
export async function runSeeds({ first, count, workers, onReport, ...request }: SeedsOptions): Promise<void> {
  let next = first;
  const isLeft = (): boolean => next < first + count;
  const work = async (): Promise<void> => {
    const worker = fork(fileURLToPath(new URL("seed-worker.ts", import.meta.url)), {
      execArgv: ["--conditions=source", "--disable-warning=ExperimentalWarning"],
    });
    try {
      for (let ran = 0; ran < seedsPerWorker && isLeft(); ran++) {
        const seed = next++;
        onReport(await ask(worker, { ...request, seed }));
      }
    } finally {
      worker.kill();
    }
  };
  const series = async (): Promise<void> => {
    while (isLeft()) await work();
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(workers, count)) }, series));
}

function ask(worker: ChildProcess, request: SeedRequest): Promise<SimulationReport> {
  return new Promise((resolve, reject) => {
    const onMessage = (report: SimulationReport): void => {
      worker.off("exit", onExit);
      resolve(report);
    };
    const onExit = (): void => {
      worker.off("message", onMessage);
      reject(new Error(`the worker process with seed ${request.seed} died`));
    };
    worker.once("message", onMessage);
    worker.once("exit", onExit);
    worker.send(request);
  });
}
