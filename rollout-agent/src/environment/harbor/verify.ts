// A Harbor task's verifier, after the episode: `tests/test.sh` runs on what the agent left, in a sandbox of its own. Only
// files come along: no process that the agent left behind, and no function or alias of its shell that could answer in
// the place of a program.
import {
  type EpisodeLimits,
  type Evaluation,
  type HarborReference,
  HindcastError,
  limits,
  type ShellSpec,
} from "@hindcast/shared";
import { mainReward, readReward } from "@hindcast/shared/node";
import type { Command, Sandbox, SandboxProvider } from "../../sandbox/sandbox.ts";
import { plainText } from "../terminal-text.ts";
import { withSessionOf } from "./session-entry.ts";

const evaluator = "harbor";
/** Where Harbor's folders are in a sandbox, whose root is read-only: the names are links to here. */
const place = "/tmp/.harbor";
/** In the workspace, through which files come and go; empty while the tests run. */
const exchange = ".harbor-exchange";
const filesTimeoutMs = 60_000;
const outputBytesMax = 64 * 1024;
const detailCharsMax = 4_000;
const quotedCharsMax = 500;

interface Verified {
  /** Of the verifier's sandbox. */
  id: string;
  sandboxes: SandboxProvider;
  limits: EpisodeLimits;
  spec: ShellSpec;
  /** Where the episode ended. */
  reached: Sandbox;
}

export async function verifyHarbor(
  { id, sandboxes, limits: bounds, spec, reached }: Verified,
  reference: HarborReference,
  signal: AbortSignal,
): Promise<Evaluation> {
  const unknown = (detail: string): Evaluation => ({
    verdict: "unknown",
    evaluator,
    detail: detail.slice(0, detailCharsMax),
  });
  const image = await reached.snapshot(limits.snapshotBytesMax, signal);
  if (image === null) return unknown("what the agent left is too large to be verified");
  await using sandbox = await sandboxes.open({ id, limits: bounds, links: linksOf(spec) }, signal);
  const fresh = await sandbox.snapshot(limits.snapshotBytesMax, signal);
  if (fresh === null) return unknown("an empty sandbox has no image");
  await sandbox.restore(await withSessionOf(fresh, image), signal);
  const home = spec.aliases?.[0] ?? "/workspace";
  await install(sandbox, reference.files, signal);
  const environment = Object.entries(reference.env).map(([name, value]) => `${name}=${shellQuoted(value)}`);
  const script = [`cd ${home} &&`, ...environment, "bash /tests/test.sh"].join(" ");
  const { killed, exitCode, output } = await sandbox.exec(command(script, reference.timeoutMs), signal);
  const said = plainText(output).trim().slice(-quotedCharsMax);
  if (killed !== null) return unknown(`the verifier was killed (${killed}); it printed: ${said}`);
  const reward = readReward({
    txt: await logged(sandbox, "reward.txt", signal),
    json: await logged(sandbox, "reward.json", signal),
  });
  if (reward.kind === "fault") {
    return unknown(`${reward.detail} (test.sh ended with exit code ${exitCode}); it printed: ${said}`);
  }
  return judged(reward.rewards, said);
}

/** The tests alone, whatever the agent left in their place, and folders for what they log. */
async function install(sandbox: Sandbox, files: HarborReference["files"], signal: AbortSignal): Promise<void> {
  await prepare(sandbox, `rm -rf ${place} /workspace/${exchange}*`, signal);
  for (const { path, content } of files) await sandbox.writeFile(`${exchange}/${path}`, Buffer.from(content));
  const script = [
    `mkdir -p ${place}/logs/verifier ${place}/logs/agent`,
    `mv /workspace/${exchange} ${place}/tests`,
    `chmod +x ${place}/tests/*.sh`,
  ].join(" && ");
  await prepare(sandbox, script, signal);
}

async function prepare(sandbox: Sandbox, script: string, signal: AbortSignal): Promise<void> {
  const { exitCode, output } = await sandbox.exec(command(script, filesTimeoutMs), signal);
  if (exitCode === 0) return;
  const said = plainText(output).slice(-quotedCharsMax);
  const message = `the tests could not be put into sandbox ${sandbox.id}: ${said}`;
  throw new HindcastError({ code: "SANDBOX_LOST", boundary: "sandbox", message, retryable: true });
}

/** Harbor's absolute paths and the task's own name for the workspace. */
function linksOf({ aliases = [] }: ShellSpec): Record<string, string> {
  const own = Object.fromEntries(aliases.map((alias) => [alias, "/workspace"]));
  return { "/tests": `${place}/tests`, "/logs": `${place}/logs`, ...own };
}

function command(script: string, timeoutMs: number): Command {
  return { script, timeoutMs, outputBytesMax, outputBytesKill: limits.harborBytesMax };
}

async function logged(sandbox: Sandbox, name: string, signal: AbortSignal): Promise<string | null> {
  const copy = `${exchange}-${name}`;
  const script = `cat ${place}/logs/verifier/${name} > /workspace/${copy} 2> /dev/null`;
  const { exitCode } = await sandbox.exec(command(script, filesTimeoutMs), signal);
  if (exitCode !== 0) return null;
  return Buffer.from(await sandbox.readFile(copy, limits.harborRewardBytesMax)).toString("utf8");
}

function judged(rewards: Readonly<Record<string, number>>, said: string): Evaluation {
  const reward = mainReward(rewards);
  const named = Object.entries(rewards).map(([name, value]) => `${name} ${value}`);
  const components = Object.entries(rewards).slice(0, 100);
  return {
    verdict: reward >= 1 ? "success" : "failure",
    evaluator,
    detail: `${named.join(", ")}; the verifier printed: ${said}`.slice(0, detailCharsMax),
    score: clamp(reward),
    components: components.map(([name, value]) => ({
      name: name.slice(0, 256),
      score: clamp(value),
      detail: String(value),
    })),
  };
}

/** Rewards may be any number; scores are from 0 to 1. */
function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
