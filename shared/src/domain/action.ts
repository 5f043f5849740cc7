import { z } from "zod";

/** Run a command in the episode's shell session. */
export const ShellAction = z.strictObject({ kind: z.literal("shell"), command: z.string().min(1).max(32_000) });
export type ShellAction = z.infer<typeof ShellAction>;

/** Declare the task done; `answer` is null when the instruction asked for none. */
export const StopAction = z.strictObject({ kind: z.literal("stop"), answer: z.string().max(16_000).nullable() });
export type StopAction = z.infer<typeof StopAction>;

/** What a policy does. Discriminated by `kind`; each world adds its own kinds. */
export const Action = z.discriminatedUnion("kind", [ShellAction, StopAction]);
export type Action = z.infer<typeof Action>;

/** The one text form of an action: what prompts show, what models write after `ACTION:`, what BM25 reads. */
export function actionText(action: Action): string {
  switch (action.kind) {
    case "shell":
      return action.command;
    case "stop":
      return action.answer === null ? "stop()" : `stop(${JSON.stringify(action.answer)})`;
  }
}
