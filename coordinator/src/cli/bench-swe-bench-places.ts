// What every verb of `hindcast bench swe-bench` is told: where repositories, Pythons and the cache are, and how much a
// sandbox may take.
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { HindcastError } from "@hindcast/shared";
import type { VerificationRequest } from "@hindcast/shared/node";
import type { Command } from "commander";
import { type CommandContext, repeatable } from "./command-context.ts";

export interface PlaceOptions {
  repos?: string[];
  pyenv?: string[];
  cache?: string;
  cacheGib: string;
  memoryGib: string;
  timeout: string;
}

type Places = Pick<
  VerificationRequest,
  | "repositories"
  | "pyenvRoots"
  | "cache"
  | "cacheBytesMax"
  | "timeoutMs"
  | "memoryBytesMax"
  | "diskBytesMax"
  | "processesMax"
>;

const GiB = 1024 ** 3;
const processesMax = 1_024;

export function withPlaces(command: Command): Command {
  return command
    .option("--repos <place>", "a folder of clones or bundles, or a URL with {repo}; repeatable", repeatable)
    .option(
      "--pyenv <folder>",
      "a pyenv root with the Pythons to use; repeatable (default: ~/.pyenv, /opt/pyenv)",
      repeatable,
    )
    .option("--cache <folder>", "repositories, environments and verdicts (default: swe-bench/ in the data directory)")
    .option("--cache-gib <n>", "size of the cache", "20")
    .option("--memory-gib <n>", "memory of one sandbox, its files among it", "8")
    .option("--timeout <seconds>", "for the tests of one instance", "1800");
}

/** @throws CONFIG_INVALID */
export function placesOf(options: PlaceOptions, { workingDirectory, dataDirectory }: CommandContext): Places {
  const inFolder = (path: string): string => resolve(workingDirectory, path);
  const isUrl = (place: string): boolean => /^[\w+.-]+:\/\//.test(place) || /^[\w.-]+@[\w.-]+:/.test(place);
  const memoryBytesMax = Math.round(positive("--memory-gib", options.memoryGib) * GiB);
  return {
    repositories: (options.repos ?? []).map((place) => (isUrl(place) ? place : inFolder(place))),
    pyenvRoots: options.pyenv?.map(inFolder) ?? [join(homedir(), ".pyenv"), "/opt/pyenv", "/usr/local/pyenv"],
    cache: options.cache === undefined ? join(dataDirectory, "swe-bench") : inFolder(options.cache),
    cacheBytesMax: Math.round(positive("--cache-gib", options.cacheGib) * GiB),
    timeoutMs: Math.round(positive("--timeout", options.timeout) * 1000),
    memoryBytesMax,
    diskBytesMax: Math.floor(memoryBytesMax / 2),
    processesMax,
  };
}

/** @throws CONFIG_INVALID naming the flag */
export function positive(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  const message = `${flag} is "${text}"; write a number above 0`;
  throw new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
}
