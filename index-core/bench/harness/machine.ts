import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { crateFolder, root, workFolder } from "./places.ts";

export interface Machine {
  processor: string;
  cores: number;
  memoryGiB: number;
  kernel: string;
  /** Of the engines and what runs them, by name. */
  versions: Record<string, string>;
}

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    versions: { node: process.versions.node, ...npmVersions(), ...pipVersions(), ...crateVersions() },
  };
}

/** One-minute load average: of a quiet machine it is below 1 before a run. */
export const load = (): number => Math.round((loadavg()[0] ?? 0) * 100) / 100;

function npmVersions(): Record<string, string> {
  const folders = [join(workFolder, "node", "node_modules"), join(root, "node_modules")];
  return Object.fromEntries(
    ["usearch", "hnswlib-node", "@lancedb/lancedb"].flatMap((name) => {
      const path = folders.map((folder) => join(folder, name, "package.json")).find((file) => existsSync(file));
      if (path === undefined) return [];
      const { version } = JSON.parse(readFileSync(path, "utf8")) as { version: string };
      return [[`npm ${name}`, version]];
    }),
  );
}

function pipVersions(): Record<string, string> {
  const list = tryRun(join(workFolder, "python", "bin", "pip"), ["freeze"]) ?? "";
  const wanted = ["numpy", "scikit-learn", "faiss-cpu", "hnswlib", "usearch"];
  return Object.fromEntries(
    list
      .split("\n")
      .map((line) => line.split("=="))
      .flatMap(([name = "", version = ""]) => (wanted.includes(name) ? [[`python ${name}`, version]] : [])),
  );
}

/** From the lock files: the crate's own graph builder and, where it is there, the lexical peer. */
function crateVersions(): Record<string, string> {
  const locks = [join(crateFolder, "Cargo.lock"), join(crateFolder, "bench", "tantivy", "Cargo.lock")];
  const text = locks.filter((file) => existsSync(file)).map((file) => readFileSync(file, "utf8"));
  return Object.fromEntries(
    ["usearch", "tantivy"].flatMap((name) => {
      const version = new RegExp(`name = "${name}"\\nversion = "([^"]+)"`).exec(text.join("\n"))?.[1];
      return version === undefined ? [] : [[`crate ${name}`, version]];
    }),
  );
}

function tryRun(command: string, args: string[]): string | null {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return null;
  }
}
