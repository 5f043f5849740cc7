// How a model helps to make tasks from a project whose tests pass (SWE-smith's LM rewrite, LM modify and issue
// writing): it writes a function anew, puts a bug into one, or reports what a bug does. What it answers is data.
import { z } from "zod";
import { clip } from "./budgets.ts";
import type { Prompt } from "./prompt.ts";
import { leaf } from "./sections.ts";
import { systemText, templateHash, userMessage, type Template } from "./template.ts";

export interface FunctionInput {
  file: string;
  /** `Class.method`. */
  scope: string;
  /** The function as the model is shown it: without its body where it shall write it, else whole. */
  code: string;
  /** The lines of the file around it. */
  before: string;
  after: string;
}

export interface IssueInput {
  file: string;
  scope: string;
  /** The diff that mends the bug. */
  fix: string;
  /** What the tests print with the bug. */
  log: string;
}

/** Of a log, in tokens: what failed stands in its first and last lines. */
const logTokensMax = 2_000;
const fixTokensMax = 4_000;
const surroundingTokensMax = 3_000;

const role = "You help to make exercises in mending programs.";
const wholeFunction =
  "Answer with one JSON object whose key `code` holds the whole function, from its first line to its last, with its name and parameters as they are and without a Markdown fence.";

const rewriteTemplate: Template = {
  purpose: "make-task",
  system: `${role} You are shown a file of a project in which the body of one function was left out. Write the function from its signature, its documentation and what surrounds it.`,
  request: wholeFunction,
};

const modifyTemplate: Template = {
  purpose: "make-task",
  system: `${role} You are shown a file of a project and one function of it. Change the function's behaviour as a programmer might by mistake: an off-by-one, a missing case, a wrong order, a condition that is not quite right. Some of its uses must go wrong and others must still work. The function must still parse, and no comment may tell what was changed.`,
  request: wholeFunction,
};

const issueTemplate: Template = {
  purpose: "make-task",
  system: `${role} You are shown the change that mends a bug and what the project's tests print while it is there. Write the report of a user who met the bug: what was done, with a short example of a use, what came of it and what should have come. Say nothing of the tests, of the cause, or of how to mend it, and repeat no line of the change.`,
  request:
    "Answer with one JSON object whose key `issue` holds the report in Markdown: a line that sums it up, then the rest.",
};

const Code = z.strictObject({ code: z.string() });
const Issue = z.strictObject({ issue: z.string() });

/** Writes a function anew from its signature and documentation; most answers are right, and break nothing. */
export const rewriteFunction = functionPrompt(rewriteTemplate);
/** Puts a bug into a function. */
export const breakFunction = functionPrompt(modifyTemplate);

function functionPrompt(template: Template): Prompt<FunctionInput, z.output<typeof Code>> {
  return {
    purpose: template.purpose,
    hash: templateHash(template),
    outputTokensMax: 8_000,
    render: ({ file, scope, code, before, after }) => ({
      system: systemText(template),
      messages: [
        userMessage([
          leaf("before", before.slice(-4 * surroundingTokensMax), { file }),
          leaf("file", code, { file, function: scope }),
          leaf("after", after.slice(0, 4 * surroundingTokensMax), { file }),
          template.request,
        ]),
      ],
    }),
    output: { kind: "json", name: "code", schema: Code },
  };
}

export const writeIssue: Prompt<IssueInput, z.output<typeof Issue>> = {
  purpose: "make-task",
  hash: templateHash(issueTemplate),
  outputTokensMax: 2_000,
  render: ({ file, scope, fix, log }) => ({
    system: systemText(issueTemplate),
    messages: [
      userMessage([
        leaf("effect", clip(fix, fixTokensMax), { file, function: scope }),
        leaf("observation", clip(log, logTokensMax)),
        issueTemplate.request,
      ]),
    ],
  }),
  output: { kind: "json", name: "issue", schema: Issue },
};
