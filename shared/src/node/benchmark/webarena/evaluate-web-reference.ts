// The one call that a browser's world makes when an episode has ended, for either kind of reference.
import type { Evaluation } from "../../../domain/episode.ts";
import type { WebArenaReference, WebArenaVerifiedReference } from "../../../domain/webarena-reference.ts";
import { messageOf } from "../../../errors.ts";
import { evaluateWebArena, type WebArenaEvaluation } from "./evaluate-webarena.ts";
import { evaluateVerified, verifiedEvaluation } from "./verified/evaluate-verified.ts";
import { readHar } from "./verified/har.ts";

/** What an episode left behind. */
export interface EndedWebEpisode extends Omit<WebArenaEvaluation, "reference"> {
  /** The recorded network as HAR, zipped or not; null where nothing was recorded. */
  har: Uint8Array | null;
}

/** Judges an episode; a log that cannot be read makes the verdict `unknown`, because nothing is known of the work then. */
export async function evaluateWebReference(
  reference: WebArenaReference | WebArenaVerifiedReference,
  { har, ...left }: EndedWebEpisode,
  signal: AbortSignal,
): Promise<Evaluation> {
  if (reference.kind === "webarena") return await evaluateWebArena({ reference, ...left }, signal);
  try {
    const recording = har === null ? null : readHar(har, "network.har");
    const seen = recording === null ? { events: null } : { events: recording.events, lacks: recording.lacks };
    return verifiedEvaluation(evaluateVerified({ reference, response: left.answer, sites: left.sites, ...seen }));
  } catch (error) {
    return { verdict: "unknown", evaluator: reference.kind, detail: messageOf(error).slice(0, 4_000) };
  }
}
