import { type ProcessEnvironment, type SweBenchRequest, VerificationEvent } from "@hindcast/shared/node";
import { type AgentProgram, agentProgram, passedOn, runAgentProgram } from "./agent-program.ts";

export interface SweBenchRun extends Pick<AgentProgram<VerificationEvent>, "onEvent"> {
  request: SweBenchRequest;
  env: ProcessEnvironment;
  /** Keys and endpoints of models, for a request that names one. */
  models?: Readonly<Record<string, string>>;
}

/** Runs the agent's program for SWE-bench to its end, its sandboxes with it. @throws as `runAgentProgram` */
export async function runSweBench(
  { request, env, models = {}, onEvent }: SweBenchRun,
  signal: AbortSignal,
): Promise<void> {
  await runAgentProgram(
    {
      purpose: "SWE-bench",
      file: agentProgram("swe-bench.ts"),
      request,
      events: VerificationEvent,
      // How pip reaches an index.
      env: { ...passedOn(env, { names: ["HINDCAST_GUEST_PATH"], pattern: /^PIP_/i }), ...models },
      onEvent,
    },
    signal,
  );
}
