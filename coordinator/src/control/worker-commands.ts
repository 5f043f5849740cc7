import {
  type Change,
  limits,
  messageOf,
  subjects,
  type WorkerCommand,
  WorkerCommand as Command,
  type WorkerRecord,
  WorkerReply,
} from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import pMap from "p-map";
import { unchanged } from "./targets.ts";

const stateOf = ({ state, slots }: WorkerRecord): string => `${state}, ${slots} ${slots === 1 ? "slot" : "slots"}`;

/** Asks agents, each of which answers for itself. One that does not answer is a problem of its own, not of the others. */
export async function commandWorkers(
  bus: Pick<Bus, "request">,
  workers: readonly WorkerRecord[],
  command: WorkerCommand,
): Promise<Change[]> {
  return await pMap(workers, (worker) => commandWorker(bus, worker, command), {
    concurrency: limits.workersAskedAtOnce,
  });
}

async function commandWorker(bus: Pick<Bus, "request">, worker: WorkerRecord, value: WorkerCommand): Promise<Change> {
  const what = { what: `worker ${worker.workerId}`, campaignId: null };
  try {
    const { before, after } = await bus.request({
      subject: subjects.workerControl(worker.workerId),
      request: Command,
      reply: WorkerReply,
      value,
      timeoutMs: limits.workerCommandTimeoutMs,
    });
    return { ...what, before: stateOf(before), after: stateOf(after), problem: null };
  } catch (error) {
    return unchanged(what, stateOf(worker), `it does not answer: ${messageOf(error)}`);
  }
}
