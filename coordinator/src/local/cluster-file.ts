// What is known of the cluster in a data directory: run/cluster.json, written whole and renamed into place. Every
// `hindcast` command of the same folder finds the cluster here, and the next start finds what a dead one left.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { ProcessIdentity } from "./process-identity.ts";

/** What may run besides the broker; a command says which parts it needs. */
export const ClusterPart = z.enum(["coordinator", "index", "agents"]);
export type ClusterPart = z.infer<typeof ClusterPart>;

export const ProcessPart = z.enum([...ClusterPart.options, "broker", "reaper"]);
export type ProcessPart = z.infer<typeof ProcessPart>;

export const ClusterFile = z.strictObject({
  v: z.literal(1),
  /** The command that started the cluster and whose end is the cluster's end. */
  owner: ProcessIdentity,
  state: z.enum(["starting", "running", "stopping"]),
  parts: z.array(ClusterPart),
  url: z.string(),
  /** A folder with one password file per NATS user. */
  credentialsDirectory: z.string(),
  startedAt: z.iso.datetime(),
  processes: z.array(
    z.strictObject({ name: z.string(), part: ProcessPart, identity: ProcessIdentity, restarts: z.int().nonnegative() }),
  ),
});
export type ClusterFile = z.infer<typeof ClusterFile>;

const pathIn = (dataDirectory: string): string => join(dataDirectory, "run", "cluster.json");

/** Null when there is none, or one that was written by another version. */
export function readClusterFile(dataDirectory: string): ClusterFile | null {
  try {
    return ClusterFile.parse(JSON.parse(readFileSync(pathIn(dataDirectory), "utf8")));
  } catch {
    return null;
  }
}

export function writeClusterFile(dataDirectory: string, content: ClusterFile): void {
  const path = pathIn(dataDirectory);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function removeClusterFile(dataDirectory: string): void {
  rmSync(pathIn(dataDirectory), { force: true });
}
