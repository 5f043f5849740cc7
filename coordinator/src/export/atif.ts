// ATIF v1.8, the interchange format of agent trajectories (Harbor, RFC 0001). Its readers refuse unknown fields, so what
// backward construction adds lies in `extra`. REASON is text that the agent says, hence `message`; `reasoning_content`
// is for hidden thinking, which we neither have nor may set on steps that no language model took.
import { observationText, type Action, type Demonstration, type Observation } from "@hindcast/shared";
import { environmentText } from "./environment-text.ts";
import { lineageOf } from "./lineage.ts";
import { projectVersion } from "./project-version.ts";

export interface AtifToolCall {
  tool_call_id: string;
  function_name: string;
  arguments: Record<string, unknown>;
}

export interface AtifMetrics {
  /** All input tokens, cached ones included. */
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
}

export interface AtifStep {
  step_id: number;
  source: "system" | "user" | "agent";
  message: string;
  model_name?: string;
  tool_calls?: AtifToolCall[];
  observation?: { results: { source_call_id?: string; content: string; extra?: Record<string, unknown> }[] };
  metrics?: AtifMetrics;
  llm_call_count?: number;
  extra?: Record<string, unknown>;
}

export interface AtifTrajectory {
  schema_version: "ATIF-v1.8";
  session_id: string;
  trajectory_id: string;
  agent: {
    name: "hindcast";
    version: string;
    model_name?: string;
    tool_definitions: Record<string, unknown>[];
  };
  steps: AtifStep[];
  notes: string;
  final_metrics?: {
    total_prompt_tokens?: number;
    total_completion_tokens?: number;
    total_cached_tokens?: number;
    total_steps: number;
  };
  extra: { hindcast: Record<string, unknown> };
}

const parameters = (properties: Record<string, unknown>, required: string[]): Record<string, unknown> => ({
  type: "object",
  properties,
  required,
});

const definition = (
  name: string,
  description: string,
  properties: Record<string, unknown>,
): Record<string, unknown> => ({
  type: "function",
  function: { name, description, parameters: parameters(properties, Object.keys(properties)) },
});

/** The actions as functions, in OpenAI's schema, as ATIF asks. */
const definitions: Readonly<Record<Action["kind"], Record<string, unknown>>> = {
  shell: definition("shell", "Run a command in the shell session.", { command: { type: "string" } }),
  browser: definition("browser", "Carry out one call of the browser's action set.", { call: { type: "string" } }),
  tool: definition("tool", "Call one of the world's tools by name.", {
    name: { type: "string" },
    input: { type: "object" },
  }),
  stop: definition("stop", "Declare the objective fulfilled; answer it when it asks for an answer.", {
    answer: { type: ["string", "null"] },
  }),
};
const ofWorld: Readonly<Record<string, Action["kind"]>> = { shell: "shell", "swe-bench": "shell", browser: "browser" };

/** The world's way to act, whatever else these steps call, and `stop`: no call without its definition. */
export function toolDefinitionsOf(environment: string, actions: readonly Action[]): Record<string, unknown>[] {
  const kinds = new Set<Action["kind"]>([ofWorld[environment] ?? "tool", ...actions.map(({ kind }) => kind)]);
  kinds.delete("stop");
  return [...kinds, "stop" as const].map((kind) => definitions[kind]);
}

export function toolCall(action: Action, id: string): AtifToolCall {
  const { kind, ...rest } = action;
  return { tool_call_id: id, function_name: kind, arguments: rest };
}

/** The two steps before the agent's first: where it is with `o_0`, and what it is asked. */
export function openingSteps(environment: string, initial: Observation, instruction: string): AtifStep[] {
  return [
    {
      step_id: 1,
      source: "system",
      message: environmentText(environment),
      observation: { results: [{ content: observationText(initial) }] },
    },
    { step_id: 2, source: "user", message: instruction },
  ];
}

/** An agent's step with its one call and what came back; `observation` is null after `stop`. */
export function agentStep(
  id: number,
  turn: { reason: string; action: Action; observation: Observation | null },
  extra: Record<string, unknown>,
): AtifStep {
  const call = toolCall(turn.action, `call-${id}`);
  const { observation } = turn;
  return {
    step_id: id,
    source: "agent",
    message: turn.reason,
    tool_calls: [call],
    ...(observation === null
      ? {}
      : {
          observation: {
            results: [
              {
                source_call_id: call.tool_call_id,
                content: observationText(observation),
                ...(observation.kind === "shell"
                  ? { extra: { exit_code: observation.exitCode, killed: observation.killed } }
                  : {}),
              },
            ],
          },
        }),
    extra,
  };
}

/** A demonstration: the constructed instruction as the user's words, the window's steps as the agent's. */
export function atifFromDemonstration(demonstration: Demonstration): AtifTrajectory {
  const { instruction, lineage } = demonstration;
  const steps = openingSteps(demonstration.environment, demonstration.initial, instruction.text);
  for (const step of demonstration.steps) {
    steps.push(agentStep(steps.length + 1, step, { state_hash: step.stateHash, summary: step.summary }));
  }
  if (demonstration.answer !== null) {
    const stop = { reason: "", action: { kind: "stop" as const, answer: demonstration.answer }, observation: null };
    steps.push(agentStep(steps.length + 1, stop, { appended_by: "backward-construction" }));
  }
  if (lineage.isOffline) for (const step of steps.slice(2)) step.llm_call_count = 0;
  const model = lineage.models["act"];
  return {
    schema_version: "ATIF-v1.8",
    session_id: lineage.episodeId,
    trajectory_id: demonstration.id,
    agent: {
      name: "hindcast",
      version: projectVersion(),
      ...(model === undefined ? {} : { model_name: model }),
      tool_definitions: toolDefinitionsOf(
        demonstration.environment,
        demonstration.steps.map(({ action }) => action),
      ),
    },
    steps,
    notes: [
      "Instruction written afterwards for what these steps did (backward construction, arXiv 2501.10893).",
      ...(lineage.isOffline ? ["Offline rules, no LLM."] : []),
    ].join(" "),
    extra: {
      hindcast: {
        environment: demonstration.environment,
        asks_for_answer: instruction.asksForAnswer,
        expected_result: instruction.expectedResult,
        lineage: lineageOf(demonstration),
      },
    },
  };
}
