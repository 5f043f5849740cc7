// Requirements: 5.7.cancel
import type { WorkerId } from "@hindcast/shared";
import { type Bus, pause, silentLogger } from "@hindcast/shared/node";
import { expect, it } from "vitest";
import { runStageWorker } from "./stage-worker.ts";

it("stops with the reason why it cannot hear of cancelled campaigns, instead of working on", async () => {
  const forbidden = new Error("not allowed");
  const bus = {
    tasks: {
      lease: async (_pool: string, _slots: number, waitMs: number, signal: AbortSignal) => (
        await pause(waitMs, signal),
        []
      ),
    },
    records: () => ({
      watch: async function* () {
        await Promise.reject(forbidden);
        yield* [];
      },
    }),
  } as unknown as Bus;
  const model = (): never => {
    throw new Error("nothing is asked");
  };
  const working = runStageWorker(
    { bus, model, logger: silentLogger, workerId: "w-1" as WorkerId },
    new AbortController().signal,
  );
  await expect(working).rejects.toBe(forbidden);
});
