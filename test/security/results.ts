// Outcomes of a run that is done in parts: kept in a file, with what they are of, so that parts of different code are
// never put together.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { probes } from "./probes/index.ts";
import type { Outcome, Row } from "./run.ts";

export interface Part {
  /** As one would type it. */
  command: string;
  day: string;
  seconds: number;
}

interface Kept {
  /** Of the guest, the probes and their helper. */
  of: string;
  parts: Part[];
  outcomes: Record<string, { drivers: Record<string, Outcome>; weakened: Outcome | null }>;
}

/** Adds what this part has found to the file. Later outcomes replace earlier ones. @throws Error for other code's file */
export function addResults(file: string, rows: readonly Row[], part: Part): { rows: Row[]; parts: Part[] } {
  const of = hashOfCode();
  const kept: Kept = existsSync(file)
    ? (JSON.parse(readFileSync(file, "utf8")) as Kept)
    : { of, parts: [], outcomes: {} };
  if (kept.of !== of) {
    throw new Error(`${file} holds outcomes of another guest or of other probes: remove it and begin anew`);
  }
  for (const { probe, drivers, weakened } of rows) {
    const before = kept.outcomes[keyOf(probe)];
    kept.outcomes[keyOf(probe)] = {
      drivers: { ...before?.drivers, ...drivers },
      weakened: weakened ?? before?.weakened ?? null,
    };
  }
  kept.parts.push(part);
  writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`);
  return { rows: probes.flatMap((probe) => rowOf(probe, kept)), parts: kept.parts };
}

function rowOf(probe: Row["probe"], { outcomes }: Kept): Row[] {
  const found = outcomes[keyOf(probe)];
  return found === undefined ? [] : [{ probe, ...found }];
}

function keyOf({ category, id }: Row["probe"]): string {
  return `${category}/${id}`;
}

function hashOfCode(): string {
  const folder = new URL("probes/", import.meta.url);
  const sources = readdirSync(folder).map((name) => new URL(name, folder).pathname);
  const files = [defaultGuestPath, new URL("helper.c", import.meta.url).pathname, ...sources.toSorted()];
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex");
}
