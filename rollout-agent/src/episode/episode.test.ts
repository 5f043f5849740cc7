// Requirements: 3.4.episode, 3.4.limits, 3.4.outcomes, 5.1.ended-by-world
import {
  HindcastError,
  type EpisodeLimits,
  type ModelCall,
  type RolloutTask,
  type Trajectory,
  type WorkerId,
} from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { anObserved, aRolloutTask, someLimits } from "../../../test/support/builders.ts";
import { MemoryRecords, ScriptedEnvironment, ScriptedPolicy, turnOf } from "../../../test/support/scripted.ts";
import type { Policy } from "../policy/policy.ts";
import { noRetriever } from "../retrieval/retriever.ts";
import { EpisodeRecorder } from "./episode-recorder.ts";
import { type EpisodeOutcome, runEpisode } from "./episode.ts";

interface Arrangement {
  log: string[];
  task?: Partial<RolloutTask>;
  limits?: Partial<EpisodeLimits>;
  environment?: ScriptedEnvironment;
  policy: Policy;
  drain?: AbortSignal;
  signal?: AbortSignal;
  /** Of an earlier attempt. */
  trajectory?: Trajectory;
}

function run({
  log,
  task = {},
  limits = {},
  environment,
  policy,
  drain,
  signal,
  trajectory = { initial: anObserved(), steps: [] },
}: Arrangement): Promise<EpisodeOutcome> {
  const rollout = aRolloutTask({ reference: { commands: ["touch a"] }, ...task, limits: { ...someLimits, ...limits } });
  return runEpisode(
    {
      task: rollout,
      environment: environment ?? new ScriptedEnvironment(log),
      policy,
      retriever: noRetriever,
      recorder: new EpisodeRecorder({
        bus: new MemoryRecords(log),
        task: rollout,
        workerId: "w-1" as WorkerId,
        attempt: 1,
        fencingToken: 1,
        delivery: 1,
      }),
      trajectory,
      drain: drain ?? new AbortController().signal,
    },
    signal ?? new AbortController().signal,
  );
}

const aCall = (partial: Partial<ModelCall>): ModelCall => ({
  purpose: "act",
  model: "m",
  resolvedModel: "m",
  requestHash: "h",
  usage: { inputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 0 },
  costUsd: 0,
  journaled: false,
  durationMs: 0,
  ...partial,
});

describe("runEpisode", () => {
  it("acts, steps and records each step before the next action is chosen, then evaluates", async () => {
    const log: string[] = [];
    const outcome = await run({ log, policy: new ScriptedPolicy(log, "touch a", "touch b", "stop") });
    expect(log).toEqual([
      "act touch a",
      "step touch a",
      "record 1",
      "act touch b",
      "step touch b",
      "record 2",
      "act stop",
      "evaluate",
    ]);
    expect(outcome).toMatchObject({ kind: "ended", reason: "submitted", evaluation: { verdict: "success" } });
  });

  const busy = (): Policy => {
    let n = 0;
    return { act: async () => turnOf(`touch ${(n += 1)}`) };
  };

  it.each<[string, Partial<EpisodeLimits>]>([
    ["step-limit", { stepsMax: 3 }],
    ["output-limit", { outputBytesMax: 10 }],
  ])("ends with %s", async (reason, limits) => {
    const log: string[] = [];
    const environment = new ScriptedEnvironment(log, (command) => ({ state: command, text: "12345" }));
    expect(await run({ log, limits, environment, policy: busy() })).toMatchObject({ kind: "ended", reason });
    expect(log.filter((line) => line.startsWith("record"))).toHaveLength(reason === "step-limit" ? 3 : 2);
  });

  it("ends with token-limit and cost-limit by what the calls used, and never by an unknown price", async () => {
    const spending = (call: Partial<ModelCall>): Policy => {
      let n = 0;
      return {
        act: async () => {
          const turn = turnOf(`touch ${(n += 1)}`);
          return turn.kind === "turn" ? { ...turn, turn: { ...turn.turn, calls: [aCall(call)] } } : turn;
        },
      };
    };
    const usage = { inputTokens: 60, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 0 };
    expect(await run({ log: [], limits: { tokensMax: 100 }, policy: spending({ usage }) })).toMatchObject({
      reason: "token-limit",
    });
    expect(await run({ log: [], limits: { costUsdMax: 1 }, policy: spending({ costUsd: 0.6 }) })).toMatchObject({
      reason: "cost-limit",
    });
    const unknown = await run({ log: [], limits: { costUsdMax: 1, stepsMax: 4 }, policy: spending({ costUsd: null }) });
    expect(unknown).toMatchObject({ reason: "step-limit", governor: { costUsd: null } });
  });

  it("ends with time-limit while a model call hangs", async () => {
    const hanging = new ScriptedPolicy(
      [],
      (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
    );
    expect(await run({ log: [], limits: { wallTimeMs: 20 }, policy: hanging })).toMatchObject({
      kind: "ended",
      reason: "time-limit",
    });
  });

  it("ends with loop when the policy repeats itself without effect", async () => {
    const log: string[] = [];
    const environment = new ScriptedEnvironment(log, () => ({ state: "start", text: "same" }));
    expect(await run({ log, environment, policy: new ScriptedPolicy(log, "ls") })).toMatchObject({ reason: "loop" });
    expect(log.filter((line) => line.startsWith("step"))).toHaveLength(3);
  });

  it("ends with refused, format-limit and token-limit as the policy says, counting the calls", async () => {
    const usage = { inputTokens: 7, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 0 };
    for (const kind of ["refused", "format-limit", "token-limit"] as const) {
      const outcome = await run({
        log: [],
        policy: new ScriptedPolicy([], { kind, detail: "no", calls: [aCall({ usage })] }),
      });
      expect(outcome).toMatchObject({ kind: "ended", reason: kind, governor: { usage } });
    }
  });

  it("hands back between steps when the worker drains, with the running step recorded", async () => {
    const log: string[] = [];
    const drain = new AbortController();
    const environment = new ScriptedEnvironment(log, (command) => (drain.abort(), { state: command }));
    const outcome = await run({
      log,
      environment,
      policy: new ScriptedPolicy(log, "touch a", "touch b"),
      drain: drain.signal,
    });
    expect(outcome).toEqual({ kind: "handed-back", stepsDone: 1 });
    expect(log).toEqual(["act touch a", "step touch a", "record 1"]);
  });

  it("ends where the world ends it, and who resumes it ends it at once with the same outcome, whatever else would", async () => {
    const log: string[] = [];
    const environment = new ScriptedEnvironment(log);
    environment.endsAt = "touch b";
    const trajectory: Trajectory = { initial: anObserved(), steps: [] };
    const policy = new ScriptedPolicy(log, "touch a", "touch b", "touch c");
    const first = await run({ log, environment, policy, trajectory });
    expect(trajectory.steps.map(({ terminated }) => terminated)).toEqual([undefined, true]);
    log.length = 0;
    const drain = AbortSignal.abort();
    const second = await run({ log, environment, policy, trajectory, drain, limits: { stepsMax: 2 } });
    expect(log).toEqual(["evaluate"]);
    const outcome = { kind: "ended", reason: "submitted", detail: "the environment ended it", closing: null };
    for (const each of [first, second]) expect(each).toMatchObject({ ...outcome, evaluation: { verdict: "success" } });
  });

  it("throws what the surroundings break, so that it can never count as a failed task", async () => {
    const lost = new HindcastError({ code: "SANDBOX_LOST", boundary: "sandbox", message: "gone", retryable: true });
    const environment = new ScriptedEnvironment([], () => lost);
    await expect(run({ log: [], environment, policy: new ScriptedPolicy([], "ls") })).rejects.toBe(lost);
  });

  it("leaves success unknown when the evaluator breaks", async () => {
    const environment = new ScriptedEnvironment([]);
    environment.evaluation = new Error("no room");
    expect(await run({ log: [], environment, policy: new ScriptedPolicy([], "stop") })).toMatchObject({
      evaluation: { verdict: "unknown", detail: "no room" },
    });
  });

  it("is not evaluated without a reference", async () => {
    expect(await run({ log: [], task: { reference: null }, policy: new ScriptedPolicy([], "stop") })).toMatchObject({
      evaluation: null,
    });
  });
});
