// What a machine must have for building and serving a site: the recipe's own script (needs.sh) says what it lacks.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "@hindcast/shared";
import { runProgram } from "../environment/swe-bench/host-program.ts";
import type { SiteRecipe } from "./site-recipe.ts";

/** The package lists of a registry are read, no more. */
const lookMsMax = 20_000;

/** A line for each thing that is missing, with where it comes from; empty: nothing is, or the recipe does not say. */
export async function siteLacks({ folder }: Pick<SiteRecipe, "folder">, signal: AbortSignal): Promise<string[]> {
  const script = join(folder, "needs.sh");
  if (!existsSync(script)) return [];
  try {
    const { exitCode, output } = await runProgram(["sh", script], { timeoutMs: lookMsMax }, signal);
    const lines = output.split("\n").filter((line) => line.trim() !== "");
    return exitCode === 0 ? lines : [...lines, `${script} ended with ${exitCode}`];
  } catch (error) {
    signal.throwIfAborted();
    // Without `setpriv` (util-linux) and `sh` nothing of a site runs.
    return [`what ${script} is run with: ${messageOf(error)}`];
  }
}
