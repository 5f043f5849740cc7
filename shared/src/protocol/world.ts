// What Hindcast and a plug-in world say to each other: one JSON object per line over a process's standard input and
// output, or per POST over HTTP. Every request is answered by one reply with its `id`. Replies are read leniently: keys
// that this version does not know are passed over, so that a newer world can say more. shared/docs/worlds.md explains.
import { z } from "zod";
import { ToolAction } from "../domain/action.ts";
import { limits } from "../limits.ts";

/** A tool as a world describes it. */
export const ToolDescription = z.object({
  name: ToolAction.shape.name,
  description: z.string().max(8_000).default(""),
  /** JSON Schema (draft 2020-12, or draft-07 where it says so) of the tool's one argument, an object. */
  inputSchema: z.record(z.string(), z.json()).default({ type: "object" }),
});
export type ToolDescription = z.infer<typeof ToolDescription>;

const head = {
  v: z.literal(1),
  /** Counts up from 1 within a session; the reply repeats it. */
  id: z.int().positive(),
  /** Names the episode's own copy of the world. A process serves one, an HTTP service one per session. */
  session: z.string(),
};

export const WorldRequest = z.discriminatedUnion("kind", [
  /** The first request of a session. */
  z.strictObject({ ...head, kind: z.literal("hello") }),
  /** To a start state: equal seeds and parameters give equal ones. */
  z.strictObject({
    ...head,
    kind: z.literal("reset"),
    seed: z.int().nonnegative(),
    parameters: z.record(z.string(), z.json()),
  }),
  z.strictObject({
    ...head,
    kind: z.literal("step"),
    name: ToolAction.shape.name,
    input: z.record(z.string(), z.json()),
  }),
  /** Only where the world offers it. */
  z.strictObject({ ...head, kind: z.literal("snapshot") }),
  /** In the place of `reset`: to the state of which a snapshot was taken, perhaps by another process. */
  z.strictObject({ ...head, kind: z.literal("restore"), snapshot: z.string() }),
  /** Only where the world offers it: how well it went. `expected` is the task's, `answer` the agent's. */
  z.strictObject({
    ...head,
    kind: z.literal("evaluate"),
    expected: z.json(),
    answer: z.string().nullable(),
  }),
  /** The last request; the process ends after its reply, and at the latest when its input closes. */
  z.strictObject({ ...head, kind: z.literal("close") }),
]);
export type WorldRequest = z.infer<typeof WorldRequest>;

const replyHead = { v: z.literal(1), id: z.int().positive() };
const tools = z.array(ToolDescription).max(limits.worldToolsMax);

export const WorldHello = z.object({
  ...replyHead,
  kind: z.literal("hello"),
  name: z.string().min(1).max(256),
  /** What an agent must know of it before it acts. */
  description: z.string().max(16_000).default(""),
  tools,
  capabilities: z
    .object({
      /** It answers `snapshot` and `restore`. */
      snapshot: z.boolean().default(false),
      /** It answers `evaluate`. */
      evaluate: z.boolean().default(false),
      /** Equal actions in equal states give equal texts. */
      deterministic: z.boolean().default(true),
    })
    .default({ snapshot: false, evaluate: false, deterministic: true }),
});
export type WorldHello = z.infer<typeof WorldHello>;

/** A state of the world: the answer to `reset`, `restore` and `step`. */
export const WorldStateReply = z.object({
  ...replyHead,
  kind: z.literal("state"),
  /** What the agent sees. */
  text: z.string(),
  /** The step could not be done as asked; the text says why. */
  isError: z.boolean().default(false),
  /** The world ended the episode. */
  isTerminated: z.boolean().default(false),
  /** A name of the state, equal exactly when states are equal; derived from actions and texts where it is absent. */
  stateHash: z.string().min(1).max(256).nullable().default(null),
  /** How well it went so far, 0 to 1; null where the world does not say. */
  reward: z.number().nullable().default(null),
  /** Where they differ from what `hello` said, or from the last time. */
  tools: tools.nullable().default(null),
  artifacts: z
    .array(
      z.object({
        name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/),
        mediaType: z.string().max(128),
        base64: z.base64(),
      }),
    )
    .max(20)
    .default([]),
});
export type WorldStateReply = z.infer<typeof WorldStateReply>;

export const WorldVerdict = z.object({
  ...replyHead,
  kind: z.literal("verdict"),
  verdict: z.enum(["success", "failure", "unknown"]),
  score: z.number().min(0).max(1).nullable().default(null),
  detail: z.string().default(""),
});
export type WorldVerdict = z.infer<typeof WorldVerdict>;

export const WorldReply = z.discriminatedUnion("kind", [
  WorldHello,
  WorldStateReply,
  /** Null: this state is too large, or cannot be kept. */
  z.object({ ...replyHead, kind: z.literal("snapshot"), snapshot: z.string().nullable() }),
  WorldVerdict,
  z.object({ ...replyHead, kind: z.literal("closed") }),
  /**
   * `setup-failed`: this start state cannot be reached, now or later. `unavailable`: the world cannot serve anybody, a
   * token is missing, say. `failed`: something broke; a new session may do better.
   */
  z.object({
    ...replyHead,
    kind: z.literal("error"),
    code: z.enum(["setup-failed", "unavailable", "failed"]),
    message: z.string(),
  }),
]);
export type WorldReply = z.infer<typeof WorldReply>;
