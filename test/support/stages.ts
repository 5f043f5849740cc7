import { type WorkerId } from "@hindcast/shared";
import type { Bus, Logger, ModelSource } from "@hindcast/shared/node";
import { runStageWorker } from "../../coordinator/src/stage/stage-worker.ts";

/** A coordinator's share of the stages, until disposed of. */
export function startStages({
  workerId = "w-stages" as WorkerId,
  ...deps
}: {
  bus: Bus;
  model: ModelSource;
  logger: Logger;
  workerId?: WorkerId;
}): AsyncDisposable {
  const drain = new AbortController();
  const working = runStageWorker({ ...deps, workerId }, drain.signal);
  return {
    [Symbol.asyncDispose]: async () => {
      drain.abort(new Error("the test is over"));
      await working;
    },
  };
}
