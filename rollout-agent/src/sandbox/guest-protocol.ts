// What host and guest say to each other. What the guest answers is shaped by hostile commands, so every answer is
// parsed and capped here before anybody reads it.
import { Effect } from "@hindcast/shared";
import { z } from "zod";
import type { GuestWorld } from "./guest-transport.ts";
import type { SandboxLimits, TerminalEvent } from "./sandbox.ts";

export type GuestRequest =
  | ({
      op: "init";
      limits: SandboxLimits & { filesMax: number };
      /** Where commands find the egress proxy, at the loopback address; null without one. */
      egressPort: number | null;
      /** See `SandboxOptions`. */
      isNetworkSilent: boolean;
    } & GuestWorld)
  | {
      op: "exec";
      timeoutMs: number;
      outputBytesMax: number;
      outputBytesKill: number;
      /** The payload is the script and then this many bytes of standard input. */
      inputBytes: number;
      /** Whether output is wanted as it comes. */
      streams: boolean;
      /** The size of the command's terminal; null without one. */
      terminal: { columns: number; rows: number } | null;
    }
  | { op: "cancel" }
  | { op: "state" }
  | { op: "entries" }
  | { op: "write-file"; path: string }
  | { op: "read-file"; path: string; bytesMax: number }
  | { op: "snapshot"; bytesMax: number }
  | { op: "restore" }
  // At the terminal of the command that runs: no turn, no answer.
  | { op: "type" }
  | { op: "resize"; columns: number; rows: number }
  | { op: "signal"; name: (TerminalEvent & { kind: "signal" })["name"] }
  // Connections: no turn, no answer. The host numbers them.
  | { op: "connect"; connection: number; port: number }
  | { op: "data" | "finish" | "disconnect"; connection: number }
  | { op: "grant"; connection: number; bytes: number };

export const GuestFault = z.strictObject({
  code: z.enum(["full", "too-large", "invalid", "unavailable", "failed"]),
  message: z.string().transform((message) => message.slice(0, 2_000)),
});
export type GuestFault = z.infer<typeof GuestFault>;

const connection = z.int().positive();
const TunnelEvent = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("opened"), connection }),
  /** Something inside has connected to the egress port; the guest numbers these, from 2^32. */
  z.strictObject({ kind: z.literal("incoming"), connection: connection.min(2 ** 32) }),
  z.strictObject({ kind: z.literal("refused"), connection, reason: z.string().max(500) }),
  z.strictObject({ kind: z.literal("data"), connection }),
  z.strictObject({
    kind: z.literal("grant"),
    connection,
    bytes: z
      .int()
      .positive()
      .max(2 ** 30),
  }),
  /** Nothing more will come from inside. */
  z.strictObject({ kind: z.literal("end"), connection }),
]);
export type TunnelEvent = z.infer<typeof TunnelEvent>;

/** The terminal has taken so much of what was typed. */
const TypedEvent = z.strictObject({ kind: z.literal("typed"), bytes: z.int().positive() });

/**
 * The envelope of every answer: one of `ok` and `fault` is null. With an event it is none: output of the command that
 * runs, what its terminal has taken, or something about a connection, with request 0.
 */
export const GuestReply = z.strictObject({
  id: z.int().nonnegative(),
  ok: z.unknown(),
  fault: GuestFault.nullable(),
  event: z.union([z.strictObject({ kind: z.literal("output") }), TypedEvent, TunnelEvent]).optional(),
});

export const DoneReply = z.strictObject({});

export const ExecReply = z.strictObject({
  exitCode: z.int().min(0).max(255).nullable(),
  killed: z.enum(["timeout", "output", "memory", "processes", "signal"]).nullable(),
  headBytes: z.int().nonnegative(),
  outputBytes: z.int().nonnegative(),
  workingDirectory: z.string().max(4_096),
  durationMs: z.number().nonnegative(),
});

const Hash = z.string().regex(/^[0-9a-f]{64}$/);

export const StateReply = z.strictObject({
  stateHash: Hash,
  filesHash: Hash,
  workingDirectory: z.string().max(4_096),
  effects: z.array(Effect).max(50),
  effectsOmitted: z.int().nonnegative(),
});

export const SnapshotReply = z.strictObject({ tooLarge: z.boolean() });

/** One line of `entries`: `type mode hash "path"`. */
const entryLine = /^((?:file|directory|link|fifo|other) [0-7]{4} [0-9a-f]{64}) (".*")$/;

/** @throws Error for a line of another form. */
export function parseEntries(listing: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const line of listing.split("\n")) {
    if (line === "") continue;
    const [, fingerprint, path] = entryLine.exec(line) ?? [];
    if (fingerprint === undefined || path === undefined) throw new Error("an entry of the guest cannot be read");
    entries.set(z.string().parse(JSON.parse(path)), fingerprint);
  }
  return entries;
}
