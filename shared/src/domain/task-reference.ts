import { z } from "zod";
import { WebArenaReference, WebArenaVerifiedReference } from "./webarena-reference.ts";
import { SeedFile } from "./environment-spec.ts";
import { SweBenchReference } from "./swe-bench.ts";

/** Commands whose end state is the right one: what the shell's own tasks are judged by. */
export const EndStateReference = z.strictObject({
  kind: z.literal("end-state").optional(),
  commands: z.array(z.string().min(1)).min(1),
});
export type EndStateReference = z.infer<typeof EndStateReference>;

/** The world itself says how well it went, as MiniWoB's pages and plug-in worlds do. */
export const WorldRewardReference = z.strictObject({ kind: z.literal("world-reward") });
export type WorldRewardReference = z.infer<typeof WorldRewardReference>;

/** What a plug-in world is told when it is asked how well it went; only the world knows what it means. */
export const ExternalReference = z.strictObject({ kind: z.literal("external"), expected: z.json() });
export type ExternalReference = z.infer<typeof ExternalReference>;

/** A Harbor task's verifier: `tests/`, run where the episode ended, says its reward in /logs/verifier. */
export const HarborReference = z.strictObject({
  kind: z.literal("harbor"),
  /** Below /tests; `test.sh` is among them. */
  files: z.array(SeedFile).min(1).max(200),
  timeoutMs: z.int().positive(),
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()),
});
export type HarborReference = z.infer<typeof HarborReference>;

/** What an episode is judged by. It never enters the agent's sandbox or a prompt. Each benchmark adds its own kind. */
export const TaskReference = z.union([
  EndStateReference,
  WorldRewardReference,
  ExternalReference,
  HarborReference,
  SweBenchReference,
  WebArenaReference,
  WebArenaVerifiedReference,
]);
export type TaskReference = z.infer<typeof TaskReference>;
