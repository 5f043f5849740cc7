// Answers in free words are compared by a model, with the questions that WebArena's authors asked theirs. The question is
// recorded with the verdict, so that it can be asked again. A judge that cannot be asked decides nothing.
import { z } from "zod";
import { messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Model } from "../../model/model.ts";
import { ask } from "../../prompt/ask.ts";
import type { Prompt } from "../../prompt/prompt.ts";
import { templateHash, userMessage, type Template } from "../../prompt/template.ts";

export interface FuzzyQuestion {
  /** `answer`: does it say what the reference says; `unachievable`: does it give the reason why the task cannot be done. */
  kind: "answer" | "unachievable";
  intent: string;
  reference: string;
  answer: string;
}

export type FuzzyJudgement =
  | { outcome: "match" | "mismatch"; question: string; reply: string }
  | { outcome: "unavailable"; question: string; reason: string };

export interface FuzzyJudge {
  judge(question: FuzzyQuestion, signal: AbortSignal): Promise<FuzzyJudgement>;
}

/** For runs without a model: every fuzzy answer stays undecided. */
export const noJudge: FuzzyJudge = {
  judge: async (question) => ({
    outcome: "unavailable",
    question: questionText(question),
    reason: "no model judges fuzzy answers here",
  }),
};

/** Asks a model. Offline models are not asked: they would guess. */
export function modelJudge(model: Model): FuzzyJudge {
  return {
    judge: async (question, signal) => {
      const text = questionText(question);
      const unavailable = (reason: string): FuzzyJudgement => ({ outcome: "unavailable", question: text, reason });
      if (model.isOffline) return unavailable(`${model.id} cannot judge free answers`);
      try {
        const asked = await ask(model, promptOf(question.kind), text, { seed: 0, signal });
        if (!asked.ok) return unavailable(`${model.id}: ${asked.detail}`);
        return { outcome: asked.value.isMatch ? "match" : "mismatch", question: text, reply: asked.value.reply };
      } catch (error) {
        signal.throwIfAborted();
        return unavailable(`${model.id}: ${messageOf(error)}`);
      }
    },
  };
}

export function questionText({ kind, intent, reference, answer }: FuzzyQuestion): string {
  const shown = answer.slice(0, limits.judgedAnswerCharsMax);
  return kind === "answer"
    ? [
        "Help a teacher to grade the answer of a student given a question. Keep in mind that the student may use different phrasing or wording to answer the question. The goal is to evaluate whether the answer is semantically equivalent to the reference answer.",
        `question: ${intent}`,
        `reference answer: ${reference}`,
        "all the string 'N/A' that you see is a special sequence that means 'not achievable'",
        `student answer: ${shown}`,
        "Conclude the judgement by correct/incorrect/partially correct.",
      ].join("\n")
    : [
        `task: ${intent}`,
        `actual unachievable reason: ${reference}`,
        `reported unachievable reason: ${shown}`,
        "The task described above is inherently unachievable due to the reason specified under 'actual unachievable reason'. An individual previously attempted this task and was unable to complete it. They provided a reason for their failure, which is listed under 'reported unachievable reason'. Your role is to review both the actual and reported reasons. Determine if the reported reason aligns with the actual reason, even if implicitly. If the stated reason is in line with the actual reason, respond with 'same'. Otherwise, respond with 'different'.",
      ].join("\n");
}

interface Judged {
  isMatch: boolean;
  reply: string;
}

const template: Template = { purpose: "judge", system: "You are a helpful assistant", request: "" };

function promptOf(kind: FuzzyQuestion["kind"]): Prompt<string, Judged> {
  return {
    purpose: "judge",
    hash: templateHash({ ...template, request: kind }),
    outputTokensMax: 2_000,
    render: (question) => ({ system: template.system, messages: [userMessage([question])] }),
    output: { kind: "text", parse: kind === "answer" ? readGrade : readSameness },
  };
}

const Reply = z.string().max(100_000);

/** Wrong as soon as it says so anywhere, because models explain before they conclude. */
export function readGrade(text: string): Judged {
  const reply = Reply.parse(text);
  const words = reply.toLowerCase();
  if (words.includes("partially correct") || words.includes("incorrect")) return { isMatch: false, reply };
  if (words.includes("correct")) return { isMatch: true, reply };
  throw new Error("the grade is neither correct, incorrect nor partially correct");
}

export function readSameness(text: string): Judged {
  const reply = Reply.parse(text);
  const words = reply.toLowerCase();
  if (words.includes("different")) return { isMatch: false, reply };
  if (words.includes("same")) return { isMatch: true, reply };
  throw new Error("the reply is neither same nor different");
}
