// The world of a campaign whose tasks do not begin in an empty shell: the places that episodes may begin in, and the
// tasks that are held back for measuring. What a world's sources are (MiniWoB's pages, SWE-bench's instances, a user's
// sites) is settled before the campaign begins; from here on a world is this list.
import { z } from "zod";
import { EnvironmentSpec } from "./environment-spec.ts";
import { BlobRef } from "./ids.ts";
import { TaskReference } from "./task-reference.ts";

const name = z.string().min(1).max(256);

/** A place to begin in. */
export const Scene = z.strictObject({
  /** Unique in its world, e.g. `click-button#3`. */
  id: name,
  benchmark: name.nullable(),
  /** The application or site within it; a document of that application is asked about this scene. */
  application: name.nullable(),
  environment: EnvironmentSpec,
  /** What is found there, for whoever proposes tasks. */
  description: z.string().min(1).max(16_000),
  /** The world itself says there what is to be done, so that an instruction can only ask for that. */
  statesGoal: z.boolean(),
});
export type Scene = z.infer<typeof Scene>;

/** A task with a reference of its own. Nothing is learned from it. */
export const HeldOutScene = Scene.extend({
  kind: z.enum(["instance-disjoint", "document-disjoint"]),
  instruction: z.string().min(1).max(8_000),
  asksForAnswer: z.boolean(),
  reference: TaskReference,
});
export type HeldOutScene = z.infer<typeof HeldOutScene>;

export const CampaignWorld = z.strictObject({
  v: z.literal(1),
  starts: z.array(Scene).min(1),
  heldOut: z.array(HeldOutScene),
});
export type CampaignWorld = z.infer<typeof CampaignWorld>;

/** The JSON of `CampaignWorld`, gzip-compressed. */
const scenes = BlobRef;

/** What a campaign acts in. The shell has no scenes: its tasks bring their own files. */
export const CampaignEnvironment = z.union([
  z.literal("shell"),
  z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("browser"), scenes }),
    z.strictObject({ kind: z.literal("swe-bench"), scenes }),
    z.strictObject({ kind: z.literal("external"), scenes }),
  ]),
]);
export type CampaignEnvironment = z.infer<typeof CampaignEnvironment>;

/** The kind of its episodes' environments, which is the name of its pool, too. */
export function environmentKind(environment: CampaignEnvironment): "shell" | "browser" | "swe-bench" | "external" {
  return environment === "shell" ? "shell" : environment.kind;
}
