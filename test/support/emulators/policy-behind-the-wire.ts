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
};

const offline = createModel("offline:rules", ModelSettings.parse({}));

interface Block {
  text?: string;
}

/** For the Anthropic emulator's `replyAlways`. */
export async function anthropicAnswer({ body }: RecordedRequest): Promise<Reply> {
  const system = typeof body["system"] === "string" ? body["system"] : JSON.stringify(body["system"] ?? "");
  const found = Object.entries(words).find(([, phrase]) => system.includes(phrase));
  if (found === undefined) throw new Error(`no prompt has this system text: ${system.slice(0, 200)}`);
  const messages = body["messages"] as { role: "user" | "assistant"; content: Block[] }[];
  const { text } = await offline.complete(
    {
      purpose: found[0] as Purpose,
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
