import { z } from "zod";
import { BlobRef, Sha256 } from "./ids.ts";

/** What the shell shows after an action (or, with `exitCode` null and empty `text`, before the first). */
export const ShellObservation = z.strictObject({
  kind: z.literal("shell"),
  /** stdout and stderr in the order of arrival, UTF-8 with U+FFFD for invalid bytes, cut to the observation limit. */
  text: z.string(),
  /** Null at reset and where the command was killed. */
  exitCode: z.int().min(0).max(255).nullable(),
  /** Why the command was killed, else null. */
  killed: z.enum(["timeout", "output", "memory", "processes", "signal"]).nullable(),
  workingDirectory: z.string(),
  /** Bytes that `text` does not show. */
  omittedBytes: z.int().nonnegative(),
});
export type ShellObservation = z.infer<typeof ShellObservation>;

/** What the environment says itself, for example that an action could not be parsed. */
export const NoticeObservation = z.strictObject({ kind: z.literal("notice"), text: z.string() });
export type NoticeObservation = z.infer<typeof NoticeObservation>;

/** What a tool answered, or a world whose observations are words. */
export const TextObservation = z.strictObject({
  kind: z.literal("text"),
  /** Cut to the observation limit. */
  text: z.string(),
  /** The tool says that it failed; the text tells why. */
  isError: z.boolean(),
  /** Bytes that `text` does not show. */
  omittedBytes: z.int().nonnegative(),
});
export type TextObservation = z.infer<typeof TextObservation>;

/** What a browser shows: its tabs and the accessibility tree of the page in front. */
export const PageObservation = z.strictObject({
  kind: z.literal("page"),
  /** The line of tabs, an empty line, then the tree, cut to the observation limit. */
  text: z.string(),
  url: z.string(),
  title: z.string(),
  /** Why the last action could not be done as asked; null where it was. Never a fault of Hindcast's. */
  error: z.string().nullable(),
  /** Bytes that `text` does not show. */
  omittedBytes: z.int().nonnegative(),
});
export type PageObservation = z.infer<typeof PageObservation>;

export const Observation = z.discriminatedUnion("kind", [
  ShellObservation,
  TextObservation,
  PageObservation,
  NoticeObservation,
]);
export type Observation = z.infer<typeof Observation>;

/**
 * Text as a record holds it: in place, or, where it is large, as a blob of its UTF-8 bytes that the record names. Large
 * texts that come again (a log shown twice) are stored once.
 */
export const ObservationContent = z.union([z.string(), z.strictObject({ blob: BlobRef })]);
export type ObservationContent = z.infer<typeof ObservationContent>;

/** A file that belongs to an observation and is no text of it: a screenshot, a network log. */
export const Artifact = z.strictObject({
  /** A file name, unique within the observation, e.g. `screenshot.png`. */
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/),
  mediaType: z.string().max(128),
  blob: BlobRef,
});
export type Artifact = z.infer<typeof Artifact>;

/** One change of the world between two observations; texts are null for binary or long files. */
export const Effect = z.strictObject({
  change: z.enum(["created", "modified", "removed"]),
  /** Absolute path inside the sandbox. */
  path: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
});
export type Effect = z.infer<typeof Effect>;

/**
 * `o_i` with what is known of the world behind it.
 * `stateHash` names the world's state (files, working directory), equal exactly when the states are equal.
 */
export const Observed = z.strictObject({
  observation: Observation,
  stateHash: Sha256,
  /** Changes since the previous observation, the first 50 by path; `effectsOmitted` counts the rest. */
  effects: z.array(Effect).max(50),
  effectsOmitted: z.int().nonnegative(),
  /** A restorable image of this state; null where the environment cannot take one or the state exceeds the cap. */
  snapshot: BlobRef.nullable(),
  /** Absent where the world gives none. */
  artifacts: z.array(Artifact).max(20).optional(),
});
export type Observed = z.infer<typeof Observed>;

/** The one text form of an observation: what prompts show, what is hashed for exact retrieval, what BM25 reads. */
export function observationText(observation: Observation): string {
  switch (observation.kind) {
    case "notice":
      return observation.text;
    case "text":
      return lines(
        observation.text,
        omission(observation.omittedBytes),
        observation.isError ? "[the tool reported an error]" : "",
      );
    case "page":
      return lines(
        observation.error === null ? "" : `[error: ${observation.error}]`,
        `[url ${observation.url}]`,
        observation.text,
        omission(observation.omittedBytes),
      );
    case "shell": {
      const status =
        observation.killed !== null
          ? `[killed: ${observation.killed}]`
          : observation.exitCode === null
            ? ""
            : `[exit code ${observation.exitCode}]`;
      return lines(
        `[working directory ${observation.workingDirectory}]`,
        observation.text,
        omission(observation.omittedBytes),
        status,
      );
    }
  }
}

function lines(...parts: string[]): string {
  return parts
    .map((part) => part.replace(/\n$/, ""))
    .filter((part) => part !== "")
    .join("\n");
}

function omission(bytes: number): string {
  return bytes > 0 ? `[${bytes} bytes omitted]` : "";
}
