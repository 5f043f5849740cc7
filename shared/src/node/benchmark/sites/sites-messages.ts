// What the command line asks of the program that builds and serves sites, and what that program says: one JSON object as
// its argument, one per line on its standard output.
import { z } from "zod";
import { VerifiedTask } from "../webarena/verified-task.ts";

const common = {
  /** Names of recipes; empty: all there are. */
  names: z.array(z.string()),
  /** Where sites are built, once per recipe. */
  cache: z.string(),
};

export const SitesRequest = z.discriminatedUnion("verb", [
  z.strictObject({ ...common, verb: z.literal("list") }),
  z.strictObject({ ...common, verb: z.literal("build") }),
  z.strictObject({ ...common, verb: z.literal("tasks") }),
  z.strictObject({
    ...common,
    verb: z.literal("serve"),
    copies: z.int().positive(),
    /** Of the first site, the next ones follow; 0: any free ones. */
    port: z.int().min(0).max(65_000),
    /** Gets what campaigns and benchmarks are told of the sites. */
    out: z.string(),
  }),
  z.strictObject({ ...common, verb: z.literal("verify"), copies: z.int().positive() }),
]);
export type SitesRequest = z.infer<typeof SitesRequest>;

/** A task against its site: the right doing and two wrong ones. */
const TaskVerdict = z.strictObject({
  site: z.string(),
  taskId: z.int(),
  intent: z.string(),
  /** Null: the right one passed and the wrong ones failed. */
  problem: z.string().nullable(),
});
export type TaskVerdict = z.infer<typeof TaskVerdict>;

export const SitesEvent = z.discriminatedUnion("event", [
  z.strictObject({
    event: z.literal("listed"),
    site: z.string(),
    /** Where it is built; null: not yet. */
    folder: z.string().nullable(),
    /** What keeps this machine from building one that is not; a line each. */
    lacks: z.array(z.string()),
    places: z.string(),
  }),
  z.strictObject({ event: z.literal("built"), site: z.string(), folder: z.string(), seconds: z.number() }),
  z.strictObject({ event: z.literal("tasks"), site: z.string(), tasks: z.array(VerifiedTask) }),
  z.strictObject({ event: z.literal("place"), name: z.string(), url: z.string(), tasks: z.int() }),
  z.strictObject({ event: z.literal("serving"), sitesFile: z.string(), urlsFile: z.string(), tasksFile: z.string() }),
  z.strictObject({ event: z.literal("verified"), ...TaskVerdict.shape }),
  z.strictObject({
    event: z.literal("restored"),
    site: z.string(),
    /** From the first state to the first page, milliseconds. */
    startMs: z.number(),
    /** Putting a running copy back after something was done to it. */
    restoreMs: z.number(),
  }),
  z.strictObject({ event: z.literal("error"), code: z.string(), message: z.string() }),
]);
export type SitesEvent = z.infer<typeof SitesEvent>;
