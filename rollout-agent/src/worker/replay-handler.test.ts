// Requirements: 3.7.replay
import type { ReplayEnded, ReplayTask, TaskId, WorkerId } from "@hindcast/shared";
import { type Bus, type Lease, type LeasedTask, silentLogger } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { aRolloutTask, stateHash } from "../../../test/support/builders.ts";
import { ScriptedEnvironment } from "../../../test/support/scripted.ts";
import { ReplayHandler } from "./replay-handler.ts";

const { campaignId, episodeId, environment, limits, pool } = aRolloutTask();
const step = (command: string, { state = command, exitCode = 0 } = {}): ReplayTask["steps"][number] => ({
  action: { kind: "shell", command },
  stateHash: stateHash(state),
  exitCode,
});

/** Replays in a world where each command leads to the state of its own name and exits with 0. */
async function replay(partial: Partial<ReplayTask>): Promise<Pick<ReplayEnded, "outcome" | "agreedTo">> {
  const written: ReplayEnded[] = [];
  const lease = {
    lost: new AbortController().signal,
    close: (result: ReplayEnded) => Promise.resolve({ result, remove: () => Promise.resolve() }),
    release: () => Promise.resolve(),
  } as unknown as Lease;
  const bus = {
    results: {
      has: () => Promise.resolve(false),
      put: (record: ReplayEnded) => (written.push(record), Promise.resolve("stored")),
    },
    leases: { acquire: () => Promise.resolve({ kind: "acquired", lease }) },
  } as unknown as Bus;
  const handler = new ReplayHandler({
    bus,
    workerId: "w-1" as WorkerId,
    environments: () => ({
      kind: "shell",
      problems: () => Promise.resolve([]),
      create: () => new ScriptedEnvironment([]),
    }),
    logger: silentLogger,
  });
  const task: ReplayTask = {
    v: 1,
    kind: "replay",
    taskId: "task-r" as TaskId,
    traceparent: null,
    from: 0,
    snapshot: null,
    campaignId,
    episodeId,
    environment,
    limits,
    pool,
    startStateHash: stateHash("start"),
    steps: [step("a"), step("b")],
    ...partial,
  };
  await handler.handle({ task, deliveryCount: 1 } as LeasedTask, task, new AbortController().signal);
  return written[0]!;
}

describe("ReplayHandler", () => {
  it("agrees to the end where every state and exit code is the recorded one", async () => {
    expect(await replay({})).toMatchObject({ outcome: "completed", agreedTo: 2 });
  });

  it("agrees up to the step before another state or another exit code", async () => {
    expect(await replay({ steps: [step("a"), step("b", { state: "c" })] })).toMatchObject({ agreedTo: 1 });
    expect(await replay({ steps: [step("a", { exitCode: 1 }), step("b")] })).toMatchObject({ agreedTo: 0 });
  });

  it("replays nothing from a start that is not the recorded one or cannot be rebuilt", async () => {
    const outcome = "not-replayable";
    expect(await replay({ startStateHash: stateHash("elsewhere") })).toMatchObject({ outcome, agreedTo: 0 });
    expect(await replay({ from: 1 })).toMatchObject({ outcome, agreedTo: 1 });
  });
});
