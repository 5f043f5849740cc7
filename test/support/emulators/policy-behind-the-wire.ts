// Answers for an emulator that hold a whole campaign together: the offline rules, spoken over a vendor's wire. Which
// prompt a request carries is told by the words that only that prompt has.
import type { Purpose } from "@hindcast/shared";
import { createModel, ModelSettings } from "@hindcast/shared/node";
import type { RecordedRequest, Reply } from "./emulator.ts";

const words: Record<Purpose, string> = {
  "self-instruct": "give examples of tasks",
  "evaluation-task": "You write examination tasks",
  act: "You are an autonomous agent",
  "retrieval-query": "Write a query for that library",
  "summarise-transition": "You are shown one transition",
  "new-task-instruction": "Write one reasonable task instruction",
  "rewrite-reason": "For every step write the reason",
  judge: "You decide whether a trajectory",
  "make-task": "exercises in mending programs",
};

const offline = createModel("offline:rules", ModelSettings.parse({}));

interface Block {
  text?: string;
}

/** What an Anthropic request asks for, by the words of its prompt. */
export function purposeOf(body: RecordedRequest["body"]): Purpose {
  const system = systemOf(body);
  const found = Object.entries(words).find(([, phrase]) => system.includes(phrase));
  if (found === undefined) throw new Error(`no prompt has this system text: ${system.slice(0, 200)}`);
  return found[0] as Purpose;
}

function systemOf(body: RecordedRequest["body"]): string {
  return typeof body["system"] === "string" ? body["system"] : JSON.stringify(body["system"] ?? "");
}

/** For the Anthropic emulator's `replyAlways`. */
export async function anthropicAnswer({ body }: RecordedRequest): Promise<Reply> {
  const system = systemOf(body);
  const messages = body["messages"] as { role: "user" | "assistant"; content: Block[] }[];
  const { text } = await offline.complete(
    {
      purpose: purposeOf(body),
      system,
      messages: messages.map(({ role, content }) => ({
        role,
        content: content.map((block) => ({ kind: "text", text: block.text ?? "" })),
      })),
      outputTokensMax: 4_000,
      output: { kind: "text" },
      seed: 1,
    },
    new AbortController().signal,
  );
  return { kind: "answer", text };
}
