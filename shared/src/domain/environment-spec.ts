import { z } from "zod";
import { limits } from "../limits.ts";
import { BrowserSpec } from "./browser-spec.ts";
import { SweBenchSpec } from "./swe-bench.ts";
import { NetworkPolicy } from "./network-policy.ts";

/** A file put into the workspace before an episode; `path` is relative to the workspace and never leaves it. */
export const SeedFile = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(512)
    .refine(
      (p) => !p.startsWith("/") && !p.split("/").includes("..") && !p.includes("\0"),
      "must stay inside the workspace",
    ),
  content: z.string().max(200_000),
});
export type SeedFile = z.infer<typeof SeedFile>;

/** An absolute path that a sandbox has no other use for. */
export const WorkspaceAlias = z
  .string()
  .max(128)
  .regex(/^(\/[A-Za-z0-9][A-Za-z0-9._-]*)+$/, "must be an absolute path of plain names")
  .refine(
    (path) =>
      !/^\/(bin|boot|dev|etc|home|lib\w*|logs|opt|proc|run|sbin|solution|sys|tests|tmp|usr|var|workspace)(\/|$)/.test(
        path,
      ),
    "is a folder that the sandbox or a verifier needs",
  );
export type WorkspaceAlias = z.infer<typeof WorkspaceAlias>;

/**
 * The world a task starts in. For `shell`: an empty workspace, then `files`, then `setup` commands run in order; a
 * setup command that fails makes the task `unavailable`, never failed.
 */
export const ShellSpec = z.strictObject({
  kind: z.literal("shell"),
  files: z.array(SeedFile).max(200),
  setup: z.array(z.string().min(1).max(8_000)).max(50),
  /** Other names of the workspace, for tasks that were written for a folder of their own; e.g. `/app`. */
  aliases: z.array(WorkspaceAlias).max(8).optional(),
  /** What commands, those of `setup` among them, may reach; nothing where it is left out. */
  network: NetworkPolicy.optional(),
});
export type ShellSpec = z.infer<typeof ShellSpec>;

/** An environment without a world, for benchmarks and protocol tests: every action is echoed back. */
export const NoOpSpec = z.strictObject({ kind: z.literal("no-op"), outputBytes: z.int().nonnegative().max(1_000_000) });
export type NoOpSpec = z.infer<typeof NoOpSpec>;

/**
 * A world that somebody plugged in, by the name under which an agent's own configuration knows it: what is started or
 * called, and with which secrets, is never a task's to say.
 */
export const ExternalSpec = z.strictObject({
  kind: z.literal("external"),
  world: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  /** What the world makes of them is its own affair, e.g. which of its tasks to set up. */
  parameters: z.record(z.string().max(256), z.json()),
  seed: z.int().nonnegative(),
});
export type ExternalSpec = z.infer<typeof ExternalSpec>;

export const EnvironmentSpec = z.discriminatedUnion("kind", [
  ShellSpec,
  NoOpSpec,
  BrowserSpec,
  SweBenchSpec,
  ExternalSpec,
]);
export type EnvironmentSpec = z.infer<typeof EnvironmentSpec>;
export type EnvironmentKind = EnvironmentSpec["kind"];

/** Every bound of one episode. What exceeds one ends the episode with an end reason of its own. */
export const EpisodeLimits = z.strictObject({
  stepsMax: z.int().positive().max(1_000),
  tokensMax: z.int().positive(),
  /** Null: no dollar limit. An unknown price counts as unknown, never as 0, and cannot trip this limit. */
  costUsdMax: z.number().positive().nullable(),
  wallTimeMs: z.int().positive(),
  stepTimeMs: z.int().positive(),
  /** Of one observation as the policy sees it; the rest is counted and cut with a visible mark. Steps are messages: at most 64 KiB. */
  observationBytesMax: z
    .int()
    .positive()
    .max(64 * 1024),
  /** Of everything all commands of the episode print. */
  outputBytesMax: z.int().positive(),
  memoryBytesMax: z.int().positive(),
  diskBytesMax: z.int().positive(),
  processesMax: z.int().positive(),
  /** Model answers that could not be parsed as an action, in a row. */
  formatErrorsMax: z.int().positive(),
  /** Every how many steps the world's image is stored. Between two of them, resuming repeats the recorded actions. */
  snapshotEverySteps: z.int().positive().max(1_000).default(1),
  /** A world whose compressed image is larger has none at that step. */
  snapshotBytesMax: z.int().nonnegative().max(limits.snapshotBytesMax).default(limits.snapshotBytesMax),
});
export type EpisodeLimits = z.infer<typeof EpisodeLimits>;
