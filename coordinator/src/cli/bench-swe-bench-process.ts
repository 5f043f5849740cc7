import { type ProcessEnvironment, type SweBenchRequest, VerificationEvent } from "@hindcast/shared/node";
import { type AgentProgram, agentProgram, passedOn, runAgentProgram } from "./agent-program.ts";

/**
 * How clients of registries (pip, Cargo, Go, npm, Maven) reach them, without what proves somebody to one: that is read from
 * the clients' own files, and stays with the egress proxy.
 */
export const ofClients =
  /^(?!.*(TOKEN|AUTH|PASSWORD|SECRET|CREDENTIAL|KEY$))(PIP_|CARGO_|RUSTUP_|npm_config_|MAVEN_|(GOPROXY|GOPRIVATE|GONOSUMDB|GOSUMDB|JAVA_HOME)$)/i;

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
      env: {
        ...passedOn(env, { names: ["HINDCAST_GUEST_PATH", "NODE_EXTRA_CA_CERTS"], pattern: ofClients }),
        ...models,
      },
      onEvent,
    },
    signal,
  );
}
