// The offline actor. Like any model it sees its prompt and nothing else: guidance if there is any, else the retrieved
// demonstrations, adapted; else help texts. Its own memory between turns is the history in the prompt.
import type { Section } from "../../prompt/sections.ts";
import { findSection, sectionsOf } from "../../prompt/sections.ts";
import { adapt } from "./adapt.ts";
import { explore, type Done } from "./explore.ts";
import { seenObservation, seenSteps, textOf } from "./reading-prompts.ts";
import { masked } from "./literals.ts";
import { actOnPage } from "./page/act-on-page.ts";
import { wordWeights } from "./text.ts";

/** Demonstrations that are tried before exploring; each failure costs a step. */
const plansMax = 3;
/** Below this a demonstration is about something else. */
const planScoreMin = 0.3;
/** Characters of a demonstration's instruction that name it in a reason. */
const nameCharacters = 160;

interface Plan {
  name: string;
  commands: string[];
  score: number;
}

type Turn = { reason: string; command: string } | { reason: string; command: null };

export function actOffline(sections: readonly Section[]): string {
  const onPage = actOnPage(sections);
  if (onPage !== null) return onPage;
  const asksForAnswer = textOf(sections, "asks_for_answer").startsWith("yes");
  const done = doneSteps(sections);
  const turn = nextTurn(sections, done);
  if (turn.command !== null) return `REASON: ${turn.reason}\nACTION:\n\`\`\`bash\n${turn.command}\n\`\`\``;
  const answer = asksForAnswer ? (done.at(-1)?.result.output ?? "") : null;
  return `REASON: ${turn.reason}\nACTION: ${answer === null ? "stop()" : `stop(${JSON.stringify(answer)})`}`;
}

interface DoneStep extends Done {
  reason: string;
}

/** A history step shows the observation before its action; the result is the next one's, or the present one. */
function doneSteps(sections: readonly Section[]): DoneStep[] {
  const steps = seenSteps(sections);
  const present = sectionsOf(sections, "observation").at(-1)?.text ?? "";
  return steps.map((step, index) => ({
    action: step.action,
    reason: step.reason,
    result: steps[index + 1]?.observation ?? seenObservation(present),
  }));
}

function nextTurn(sections: readonly Section[], done: readonly DoneStep[]): Turn {
  const guidance = sectionsOf(findSection(sections, "guidance")?.children ?? [], "command").map(({ text }) => text);
  if (guidance.length > 0) return followGuidance(guidance, done);
  const objective = textOf(sections, "objective");
  return followDemonstrations(plansFor(sections, objective), done) ?? exploreOrStop(objective, done);
}

function followGuidance(guidance: readonly string[], done: readonly DoneStep[]): Turn {
  let next = 0;
  for (const { action } of done) if (action === guidance[next]) next += 1;
  const command = guidance[next];
  if (command === undefined) return { reason: "All steps of the documentation are done.", command: null };
  return { reason: `The documentation suggests this as step ${next + 1} of ${guidance.length}.`, command };
}

function plansFor(sections: readonly Section[], objective: string): Plan[] {
  const demonstrations = sectionsOf(findSection(sections, "demonstrations")?.children ?? [], "demonstration").map(
    ({ children }) => ({
      instruction: textOf(sectionsOf(children, "instruction"), "instruction"),
      actions: seenSteps(children).map((step) => step.action),
    }),
  );
  const weight = wordWeights(demonstrations.map(({ instruction }) => masked(instruction)));
  return demonstrations
    .map((demonstration) => ({
      name: demonstration.instruction.replace(/\s+/g, " ").slice(0, nameCharacters),
      ...adapt(demonstration, objective, weight),
    }))
    .filter(({ score, commands }) => score >= planScoreMin && commands.length > 0)
    .toSorted((a, b) => b.score - a.score);
}

const followed = /^As in the demonstration "([\s\S]*)", step (\d+) of (\d+)\.$/;

/** Continues the plan under way, or starts the best one that has not failed; null when none is left. */
function followDemonstrations(plans: readonly Plan[], done: readonly DoneStep[]): Turn | null {
  const tried = done.flatMap(({ reason, result }) => {
    const match = followed.exec(reason);
    return match === null
      ? []
      : [{ name: match[1] ?? "", step: Number(match[2]), of: Number(match[3]), failed: (result.exitCode ?? 1) !== 0 }];
  });
  const last = tried.at(-1);
  if (last !== undefined && !last.failed) {
    const plan = plans.find(({ name }) => name === last.name);
    const command = plan?.commands[last.step];
    if (last.step >= last.of || plan === undefined || command === undefined) {
      return { reason: "All steps of the demonstration are done and the last one succeeded.", command: null };
    }
    return { reason: planReason(plan, last.step + 1), command };
  }
  const failed = new Set(tried.map(({ name }) => name));
  const ran = new Set(done.map(({ action }) => action));
  const plan =
    failed.size >= plansMax
      ? undefined
      : plans.find(({ name, commands }) => !failed.has(name) && !ran.has(commands[0] ?? ""));
  const first = plan?.commands[0];
  return plan === undefined || first === undefined ? null : { reason: planReason(plan, 1), command: first };
}

function planReason({ name, commands }: Plan, step: number): string {
  return `As in the demonstration "${name}", step ${step} of ${commands.length}.`;
}

function exploreOrStop(objective: string, done: readonly DoneStep[]): Turn {
  return (
    explore(objective, done) ?? {
      reason: "Nothing is left to try that help texts or demonstrations suggest.",
      command: null,
    }
  );
}
