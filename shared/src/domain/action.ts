import { z } from "zod";

/** Run a command in the episode's shell session. */
export const ShellAction = z.strictObject({ kind: z.literal("shell"), command: z.string().min(1).max(32_000) });
export type ShellAction = z.infer<typeof ShellAction>;

/** A tool's name: what OpenAI, Anthropic and MCP all take. */
const toolName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/);

/** Call one of the world's tools by name with JSON arguments: an editor, an MCP tool, an action of a plug-in world. */
export const ToolAction = z.strictObject({
  kind: z.literal("tool"),
  name: toolName,
  input: z.record(z.string().max(256), z.json()),
});
export type ToolAction = z.infer<typeof ToolAction>;

/** One call in the canonical text of a browser's action set, e.g. `click [12]`; the world parses and checks it. */
export const BrowserAction = z.strictObject({ kind: z.literal("browser"), call: z.string().min(1).max(32_000) });
export type BrowserAction = z.infer<typeof BrowserAction>;

/** Declare the task done; `answer` is null when the instruction asked for none. */
export const StopAction = z.strictObject({ kind: z.literal("stop"), answer: z.string().max(16_000).nullable() });
export type StopAction = z.infer<typeof StopAction>;

/** What a policy does. Discriminated by `kind`; each world adds its own kinds. */
export const Action = z.discriminatedUnion("kind", [ShellAction, ToolAction, BrowserAction, StopAction]);
export type Action = z.infer<typeof Action>;

/** The one text form of an action: what prompts show, what models write after `ACTION:`, what BM25 reads. */
export function actionText(action: Action): string {
  switch (action.kind) {
    case "shell":
      return action.command;
    case "tool":
      return `${action.name}(${JSON.stringify(action.input)})`;
    case "browser":
      return action.call;
    case "stop":
      return action.answer === null ? "stop()" : `stop(${JSON.stringify(action.answer)})`;
  }
}
