// The scripted generator and judges of scripted-generator.ts, spoken over Anthropic's wire.
import type { Purpose } from "@hindcast/shared";
import type { CompletionRequest } from "@hindcast/shared/node";
import type { RecordedRequest, Reply } from "./emulators/emulator.ts";
import { purposeOf } from "./emulators/policy-behind-the-wire.ts";
import { scriptedGenerator } from "./scripted-generator.ts";

const generator = scriptedGenerator();

/** For the Anthropic emulator's `replyAlways`. */
export async function anthropicScript({ body }: RecordedRequest): Promise<Reply> {
  const purpose: Purpose = purposeOf(body);
  const messages = body["messages"] as { role: "user" | "assistant"; content: { text?: string }[] }[];
  const request: CompletionRequest = {
    purpose,
    system: "",
    messages: messages.map(({ role, content }) => ({
      role,
      content: content.map(({ text }) => ({ kind: "text", text: text ?? "" })),
    })),
    outputTokensMax: 4_000,
    output: { kind: "text" },
    seed: 1,
  };
  const { text } = await generator.complete(request);
  return { kind: "answer", text };
}
