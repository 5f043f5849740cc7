// What sandboxes see of this machine's programs, as far as images of Harbor's tasks are based on them.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { importHarborTask } from "@hindcast/shared/node";

export type HostFacts = Parameters<typeof importHarborTask>[1];

export async function hostFacts(): Promise<HostFacts> {
  return { python: await versionOf("python3", /^Python (3\.\d+)/), node: await versionOf("node", /^v(\d+)/) };
}

/** Null where there is none. */
async function versionOf(program: string, pattern: RegExp): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)(program, ["--version"]);
    return pattern.exec(stdout)?.[1] ?? null;
  } catch {
    // Not installed: no image that is made of it can be stood in for.
    return null;
  }
}
