import type { ArmResult, GainResult } from "@hindcast/shared";
import { newcombePairedInterval } from "../statistics/paired-difference.ts";
import { wilsonInterval } from "../statistics/wilson.ts";

export interface PairedEpisode {
  verdict: "success" | "failure" | "unknown";
  steps: number;
}

export interface Pair {
  off: PairedEpisode;
  on: PairedEpisode;
}

/** Success per arm with Wilson intervals, and the paired difference with Newcombe's, over the tasks both arms decided. */
export function gainOf(kind: GainResult["kind"], pairs: readonly Pair[]): GainResult {
  const decided = pairs.filter(({ off, on }) => off.verdict !== "unknown" && on.verdict !== "unknown");
  const count = (off: string, on: string): number =>
    decided.filter((pair) => pair.off.verdict === off && pair.on.verdict === on).length;
  const both = count("success", "success");
  const onlyOn = count("failure", "success");
  const onlyOff = count("success", "failure");
  const neither = count("failure", "failure");
  return {
    kind,
    tasks: pairs.length,
    off: armOf(pairs.map(({ off }) => off)),
    on: armOf(pairs.map(({ on }) => on)),
    difference: decided.length === 0 ? null : (onlyOn - onlyOff) / decided.length,
    differenceInterval:
      decided.length === 0 ? null : newcombePairedInterval({ both, onlyFirst: onlyOn, onlySecond: onlyOff, neither }),
    onlyOn,
    onlyOff,
  };
}

function armOf(episodes: readonly PairedEpisode[]): ArmResult {
  const decided = episodes.filter(({ verdict }) => verdict !== "unknown");
  const successes = decided.filter(({ verdict }) => verdict === "success").length;
  const steps = decided.reduce((sum, episode) => sum + episode.steps, 0);
  return {
    successes,
    decided: decided.length,
    undecided: episodes.length - decided.length,
    rate: decided.length === 0 ? null : successes / decided.length,
    interval: decided.length === 0 ? null : wilsonInterval(successes, decided.length),
    meanSteps: decided.length === 0 ? null : steps / decided.length,
  };
}
