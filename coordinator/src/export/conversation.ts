// Demonstrations as chat messages: the whole trajectory as alternating turns, and one prompt/completion pair per step.
// Both end in `stop`: the committee accepted that the steps fulfil the instruction, and a model that never saw an end
// never learns to end.
import {
  actionText,
  observationText,
  type Action,
  type Demonstration,
  type Observation,
  type Observed,
  type Sha256,
  type Trajectory,
} from "@hindcast/shared";
import { type ActInput, actIn } from "@hindcast/shared/node";
import { environmentText, languageOf } from "./environment-text.ts";

export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

/** `train`: whether the loss of fine-tuning counts this turn (Axolotl's `message_field_training`). */
export interface MaskedMessage extends Message {
  train: boolean;
}

export interface StepExample {
  /** From 1; the closing `stop` has the number after the last step. */
  step: number;
  prompt: Message[];
  completion: Message[];
}

interface Turn {
  reason: string;
  action: Action;
  /** What followed; null after `stop`. */
  observation: Observation | null;
  stateHash: Sha256 | null;
}

const answerReason = "The observations hold the answer that was asked for.";
const doneReason = "Everything that was asked for is done.";
/** What a prompt says to be left at the first step: a demonstration does not tell the limit of the run it was cut from. */
const stepsLeftAtStart = 30;

/** The steps, and a closing `stop` unless the last step is one. */
function turnsOf({ steps, answer }: Demonstration): Turn[] {
  if (steps.at(-1)?.action.kind === "stop") return steps;
  const reason = answer === null ? doneReason : answerReason;
  return [...steps, { reason, action: { kind: "stop", answer }, observation: null, stateHash: null }];
}

/** A turn that the environment refused or had to kill stays as context and is not to be imitated. */
function isWorthImitating({ action, observation }: Turn): boolean {
  if (action.kind === "stop") return true;
  switch (observation?.kind) {
    case "shell":
      return observation.killed === null;
    case "page":
      return observation.error === null;
    case "text":
      return true;
    default:
      return false;
  }
}

/** REASON and ACTION as the policy's parser reads them: one line of reason, a fence longer than any in the command. */
export function assistantText(reason: string, action: Action): string {
  const line = `REASON: ${reason.replaceAll(/\s+/g, " ").trim()}`;
  const text = actionText(action);
  if (action.kind === "stop") return `${line}\nACTION: ${text}`;
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${line}\nACTION:\n${fence}${action.kind === "shell" ? "bash" : ""}\n${text}\n${fence}`;
}

/** The whole trajectory: system, then user (objective, observation) and assistant (reason, action) in turn. */
export function conversationOf(demonstration: Demonstration, flattenSystem = false): MaskedMessage[] {
  const { environment, instruction, initial } = demonstration;
  const user = (content: string): MaskedMessage => ({ role: "user", content, train: false });
  const messages: MaskedMessage[] = [
    { role: "system", content: systemText(environment), train: false },
    user(`OBJECTIVE:\n${instruction.text}\n\nOBSERVATION:\n${observationText(initial)}`),
  ];
  for (const turn of turnsOf(demonstration)) {
    messages.push({
      role: "assistant",
      content: assistantText(turn.reason, turn.action),
      train: isWorthImitating(turn),
    });
    if (turn.action.kind === "stop" || turn.observation === null) break;
    messages.push(user(`OBSERVATION:\n${observationText(turn.observation)}`));
  }
  return flattenSystem ? withoutSystem(messages) : messages;
}

/** The system text of every conversation: where the agent is and how it answers (paper, Tables 32 and 34). */
function systemText(environment: string): string {
  return [
    "You are an agent that reaches an objective step by step, one action per turn.",
    environmentText(environment),
    `Answer with \`REASON:\`, why this action comes next, and \`ACTION:\`, ${fencedAction(environment)} or stop().`,
    'stop() declares the objective reached; stop("…") also gives the answer that it asks for.',
  ].join("\n");
}

function fencedAction(environment: string): string {
  return `one fenced ${languageOf(environment).oneAction.replace(/^an? /, "")}`;
}

/**
 * History and observation → next action, one pair per turn that is worth imitating (paper §2.4). The prompt is the one
 * that the policy is given at run time, a system and a single user message: every chat template takes it, and
 * trainers mask the prompt of such pairs without a template of their own.
 */
export function* stepExamplesOf(demonstration: Demonstration, flattenSystem = false): Generator<StepExample> {
  const { instruction, environment, initial, initialStateHash } = demonstration;
  const trajectory: Trajectory = { initial: observed(initial, initialStateHash), steps: [] };
  for (const [index, turn] of turnsOf(demonstration).entries()) {
    if (isWorthImitating(turn)) {
      const prompt = actMessages(environment, {
        instruction: instruction.text,
        asksForAnswer: instruction.asksForAnswer,
        guidance: [],
        trajectory,
        demonstrations: [],
        environment: environmentText(environment),
        stepsLeft: Math.max(1, stepsLeftAtStart - index),
        problems: [],
      });
      yield {
        step: index + 1,
        prompt: flattenSystem ? withoutSystem(prompt) : prompt,
        completion: [{ role: "assistant", content: assistantText(turn.reason, turn.action) }],
      };
    }
    if (turn.action.kind === "stop" || turn.observation === null || turn.stateHash === null) return;
    trajectory.steps.push({
      index: index + 1,
      turn: { reason: turn.reason, action: turn.action, calls: [], retrieved: [] },
      observed: observed(turn.observation, turn.stateHash),
      timings: { retrieveMs: 0, actMs: 0, environmentMs: 0 },
    });
  }
}

function actMessages(environment: string, input: ActInput): Message[] {
  const { system, messages } = actIn(languageOf(environment)).render(input);
  const turns = messages.map(({ role, content }) => ({ role, content: content.map(({ text }) => text).join("") }));
  return [{ role: "system", content: system }, ...turns];
}

function observed(observation: Observation, stateHash: Sha256): Observed {
  return { observation, stateHash, effects: [], effectsOmitted: 0, snapshot: null };
}

/** For chat templates without a system role: its text leads the first user turn. */
function withoutSystem<M extends Message>(messages: readonly M[]): M[] {
  const [system, first, ...rest] = messages;
  if (system?.role !== "system" || first === undefined) return [...messages];
  return [{ ...first, content: `${system.content}\n\n${first.content}` }, ...rest];
}
