// Upstream's own code for actions and observations, from the wheels of the package index: the other opinion on formats that
// are defined by it. Nothing of it is part of Hindcast.
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import type { AxNode } from "@hindcast/shared/node";

const run = promisify(execFile);
const packages = {
  webarena: "libwebarena==0.0.4",
  browsergym: "browsergym-core==0.14.3",
  pyparsing: "pyparsing==3.2.5",
};
const oracle = new URL("browser-oracle.py", import.meta.url).pathname;

export interface UpstreamCases {
  idBased: string[];
  calls: string[];
  trees: AxNode[][];
  reprs: string[];
}

export interface UpstreamOpinion {
  /** Null: refused. */
  idBased: (({ kind: string; args: unknown[] } & Record<string, unknown>) | null)[];
  calls: ({ name: string; positional: unknown[]; named: Record<string, unknown> }[] | null)[];
  webArenaTrees: string[];
  gymTrees: string[];
  reprs: string[];
}

export type Upstream = { opinion: (cases: UpstreamCases) => Promise<UpstreamOpinion> } | { reason: string };

/** Fetched through pip once for all clones. */
export async function upstream(): Promise<Upstream> {
  const home = join(process.env.HINDCAST_CACHE ?? join(homedir(), ".cache", "hindcast"), "browser-upstream");
  try {
    if (!existsSync(home)) await fetchWheels(home);
    return { opinion: (cases) => ask(home, cases) };
  } catch (error) {
    return { reason: `no upstream packages: ${String(error).slice(0, 200)}` };
  }
}

async function fetchWheels(home: string): Promise<void> {
  const fresh = `${home}-${process.pid}`;
  try {
    for (const [name, requirement] of Object.entries(packages)) {
      const folder = join(fresh, name);
      await mkdir(folder, { recursive: true });
      await run("python3", ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement]);
      const [wheel = ""] = await readdir(folder);
      await run("python3", ["-m", "zipfile", "-e", join(folder, wheel), folder]);
    }
    await rename(fresh, home);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function ask(home: string, cases: UpstreamCases): Promise<UpstreamOpinion> {
  const [webarena, browsergym, pyparsing] = ["webarena", "browsergym", "pyparsing"].map((name) => join(home, name));
  const child = spawn("python3", [oracle, webarena ?? "", browsergym ?? ""], {
    env: { PATH: process.env.PATH, PYTHONPATH: pyparsing, PYTHONUTF8: "1" },
  });
  child.stdin.end(JSON.stringify(cases));
  const [out, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (out === "") throw new Error(`the oracle failed: ${complaint.slice(-2_000)}`);
  return JSON.parse(out) as UpstreamOpinion;
}
