// Fetching what strangers' projects need: in a sandbox, because Maven's plug-ins, Python's build back ends and settings of
// npm's, Yarn's and Cargo's run programs of theirs. What it leaves comes back as an archive, which is looked through
// before anything of it is laid on the host.
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type EgressRecord, HindcastError } from "@hindcast/shared";
import { deriveId } from "@hindcast/shared/node";
import { EgressLog, egressArtifact } from "../../egress/egress-log.ts";
import type { Sandbox, SandboxMount, SandboxProvider } from "../../sandbox/sandbox.ts";
import { buildLimits } from "./built-tree.ts";
import { lastLines, mustRun } from "./host-program.ts";
import { fetchedBytesMax, registryAccess } from "./registries/registry-access.ts";
import { authorityInside, type RegistryClient } from "./registries/registry-client.ts";

const fetchTimeoutMs = 60 * 60_000;
const packTimeoutMs = 30 * 60_000;
const outputBytesMax = 64 * 1024;
const logBytesMax = 256 * 1024 ** 2;
/** A project's tree, its libraries and what the client keeps of them: babel's has 120,000 names. */
const filesMax = 500_000;
/** Requests that are named where fetching has failed. */
const namedMax = 5;

/** Where scripts leave what is kept. */
export const fetchedInside = "/home/agent/fetched";
/** Below the folder of an entry: what was fetched, and what was asked for it. */
export const fetchedFolder = "fetched";
const recordFile = "egress.jsonl";

export interface Fetching {
  client: RegistryClient;
  mounts: readonly SandboxMount[];
  /** Bash, as a whole in a subshell that ends at the first error. */
  script: string;
}

/** What the script said, the end of it, beside the sentence. */
export class FetchFailed extends Error {
  readonly output: string;

  constructor(message: string, output: string) {
    super(message);
    this.output = output;
  }
}

/**
 * Fills `path`, an empty folder, with `fetched` and a record of all requests.
 * @returns the end of what the script printed
 * @throws FetchFailed with the end of what the client said, and whom it asked in vain
 */
export async function fetchInside(
  { client, mounts, script }: Fetching,
  path: string,
  sandboxes: SandboxProvider,
  signal: AbortSignal,
): Promise<string> {
  const { authority, ...access } = await registryAccess(client, signal);
  const records: EgressRecord[] = [];
  const log = new EgressLog();
  const onEgress = (record: EgressRecord): void => {
    log.add(record);
    if (record.verdict !== "allowed" && records.length < namedMax) records.push(record);
  };
  const seen = [...mounts, ...(client.mounts ?? [])];
  const id = deriveId("fetch", path);
  const options = { id, limits: { ...buildLimits, filesMax }, mounts: seen, links: { "/testbed": "/workspace" } };
  try {
    await using sandbox = await sandboxes.open({ ...options, ...access, onEgress }, signal);
    const whole = `${preparation(client, authority)}\nmkdir -p ${fetchedInside}\n(\nset -e\n${script}\n)`;
    const caps = { outputBytesMax, outputBytesKill: logBytesMax };
    const { exitCode, killed, output } = await sandbox.exec(
      { script: whole, timeoutMs: fetchTimeoutMs, ...caps },
      signal,
    );
    const text = Buffer.from(output).toString("utf8");
    if (exitCode !== 0) {
      const end = killed === null ? `exit code ${exitCode}` : `killed: ${killed}`;
      throw new FetchFailed(`${end}: ${lastLines(text)}${inVain(records)}`, text);
    }
    await unpack(sandbox, path, signal);
    return text;
  } finally {
    writeFileSync(join(path, recordFile), egressArtifact(log.take())?.bytes ?? "");
  }
}

/** Settings of the client, and the certificate that it trusts. */
function preparation({ variables, files, script = "" }: RegistryClient, authority: string): string {
  const trusting = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO"];
  const set = { ...Object.fromEntries(trusting.map((name) => [name, authorityInside])), ...variables };
  return [
    // What an episode's sandbox sets for equal runs makes other files of Python's.
    "unset PYTHONDONTWRITEBYTECODE SOURCE_DATE_EPOCH",
    written(authorityInside, authority),
    ...Object.entries(files).map(([file, text]) => written(`/home/agent/${file}`, text)),
    ...Object.entries(set).map(([name, value]) => `export ${name}=${quoted(value)}`),
    script,
  ].join("\n");
}

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
const written = (file: string, text: string): string =>
  `mkdir -p "$(dirname ${quoted(file)})" && printf %s ${quoted(text)} > ${quoted(file)}`;

function inVain(records: readonly EgressRecord[]): string {
  if (records.length === 0) return "";
  const asked = records.map(({ host, port, reason }) => `${host}:${port} (${reason ?? ""})`);
  return `; asked in vain for ${[...new Set(asked)].join(", ")}: only the registries of this machine's own settings can be asked`;
}

/** Takes out what the script left. The archive is a stranger's: nothing but files, folders and links is let out of it. */
async function unpack(sandbox: Sandbox, path: string, signal: AbortSignal): Promise<void> {
  const archive = join(path, "fetched.tar");
  const descriptor = openSync(archive, "wx", 0o600);
  try {
    const onOutput = (chunk: Uint8Array): void => {
      for (let written = 0; written < chunk.byteLength;) written += writeSync(descriptor, chunk, written);
    };
    const pack = `tar --create --file - --format=gnu --directory ${fetchedInside} . 2>/dev/null`;
    const caps = { outputBytesMax, outputBytesKill: fetchedBytesMax };
    const result = await sandbox.exec({ script: pack, timeoutMs: packTimeoutMs, ...caps, onOutput }, signal);
    if (result.exitCode !== 0) {
      throw new Error(`what was fetched could not be packed: ${result.killed ?? `exit code ${result.exitCode}`}`);
    }
  } finally {
    closeSync(descriptor);
  }
  const to = join(path, fetchedFolder);
  mkdirSync(to);
  const options = { timeoutMs: packTimeoutMs, cwd: path };
  await mustRun(["bash", "-c", lookThrough, String(fetchedBytesMax), archive], options, signal).catch(
    (error: unknown) => {
      signal.throwIfAborted();
      throw new HindcastError({
        code: "ENVIRONMENT_SETUP_FAILED",
        boundary: "environment",
        message: "what was fetched holds devices, pipes, or more bytes than it may: none of it was kept",
        cause: error,
      });
    },
  );
  // A fresh folder, in which tar neither follows a link of the archive nor leaves by a name of it.
  const careful = ["--no-same-owner", "--no-same-permissions", "--keep-old-files"];
  await mustRun(["tar", "--extract", "--file", archive, "--directory", to, ...careful], options, signal);
  rmSync(archive);
  // Archives of packages hold files that only their owner may read, and root's sandboxes run as nobody; folders that
  // cannot be written cannot be removed. No right of another user (setuid) comes from here.
  await mustRun(["chmod", "-R", "u+rwX,a+rX,u-s,g-s", to], options, signal);
}

/** The type of an entry is the first letter of its line, its size the third word. */
const lookThrough = `set -o pipefail
tar --list --verbose --numeric-owner --file "$1" |
  awk -v max="$0" '!/^[-dlh]/ { exit 1 } /^-/ { bytes += $3; if (bytes > max) exit 1 }'`;
