// Another day than today in a testbed: certificates run out, and copyright years move (benchmarks.md §1.5). The kernel has
// no clock for a sandbox alone, so a library of Debian's package libfaketime stands between programs and their C library.
// What asks the kernel itself (Go's programs, static ones) sees today.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { unavailable } from "./errors.ts";

/** Below /usr, which is inside every sandbox: "/usr/lib/x86_64-linux-gnu/faketime". */
const places = ["/usr/lib", "/usr/lib64", "/usr/local/lib"];
/** The one for programs with threads first. */
const names = ["libfaketimeMT.so.1", "libfaketime.so.1"];

/** Null where the library is not here. @param roots folders in or below which it lies */
export function findClockLibrary(roots: readonly string[] = places): string | null {
  const folders = roots.flatMap((root) =>
    existsSync(root) ? [root, ...readdirSync(root).map((name) => join(root, name))] : [],
  );
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, "faketime", name)));
  return candidates.find((path) => existsSync(path)) ?? null;
}

export const clockRemedy = "install Debian's package faketime";

/**
 * Sets the session's clock, which goes on from there at its usual pace. What measures durations is left alone.
 * @param clock an ISO time @throws ENVIRONMENT_UNAVAILABLE where the library is not here
 */
export function clockScript(clock: string, library: string | null = findClockLibrary()): string {
  if (library === null) {
    throw unavailable(`a testbed whose clock shows ${clock} needs libfaketime, which is not here: ${clockRemedy}`);
  }
  const offset = Math.round((Date.parse(clock) - Date.now()) / 1000);
  // Every process counts from the host's clock, so that all show the same time.
  return `export FAKETIME=${offset < 0 ? "" : "+"}${offset} FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1 LD_PRELOAD=${library}`;
}
