import { z } from "zod";
import { WebArenaReference, WebArenaVerifiedReference } from "./webarena-reference.ts";

/** Commands whose end state is the right one: what the shell's own tasks are judged by. */
export const EndStateReference = z.strictObject({
  kind: z.literal("end-state").optional(),
  commands: z.array(z.string().min(1)).min(1),
});
export type EndStateReference = z.infer<typeof EndStateReference>;

/** The world itself says how well it went, as MiniWoB's pages and plug-in worlds do. */
export const WorldRewardReference = z.strictObject({ kind: z.literal("world-reward") });
export type WorldRewardReference = z.infer<typeof WorldRewardReference>;

/** What an episode is judged by. It never enters the agent's sandbox or a prompt. Each benchmark adds its own kind. */
export const TaskReference = z.union([
  EndStateReference,
  WorldRewardReference,
  WebArenaReference,
  WebArenaVerifiedReference,
]);
export type TaskReference = z.infer<typeof TaskReference>;
