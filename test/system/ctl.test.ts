// `hindcast ctl` against a running cluster with real processes and a provider's wire, from another folder by natsUrl as
// from another machine.
// Requirements: 5.7.cli, 5.7.pause, 5.7.cancel
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { ClusterFile } from "../../coordinator/src/local/cluster-file.ts";
import { startAnthropicEmulator } from "../support/emulators/anthropic.ts";
import type { Emulator, RecordedRequest } from "../support/emulators/emulator.ts";
import { anthropicAnswer } from "../support/emulators/policy-behind-the-wire.ts";
import { aFolder, hindcast, type HindcastProcess, type HindcastResult, startHindcast } from "../support/hindcast.ts";

/** Calls under way are answered, steps finished. */
const settleMs = 1_500;
/** Longer than any process waits between two looks. */
const quietMs = 1_500;
/** Nothing else sleeps for just this long. */
const longCommand = "sleep 57.25";
/** The promise is seconds; this machine is shared. */
const freedWithinMs = 10_000;
/** Until a command has started, asked and is answered. */
const commandWithinMs = 30_000;
const manual = `# git settings

Set the pager that git uses:

\`\`\`sh
git config core.pager less
\`\`\`

Set the editor that git opens:

\`\`\`sh
git config core.editor nano
\`\`\`

Set the name that commits carry:

\`\`\`sh
git config user.name "Ada Lovelace"
\`\`\`
`;

/** Answers all but what comes after the `moment`-th request; that waits until it is let go. */
function holdAfter(provider: Emulator, moment: number): { held: Promise<void>; goOn: () => void } {
  const [held, going] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  provider.replyAlways(async (request) => {
    if (provider.requests.length > moment) {
      held.resolve();
      await going.promise;
    }
    return await anthropicAnswer(request);
  });
  return { held: held.promise, goOn: going.resolve };
}

const isAct = ({ body }: RecordedRequest): boolean => JSON.stringify(body["system"]).includes("an autonomous agent");

function startRun(folder: string, provider: Emulator): HindcastProcess {
  mkdirSync(join(folder, "docs"));
  writeFileSync(join(folder, "docs", "settings.md"), manual);
  const env = { ANTHROPIC_API_KEY: provider.apiKey, HINDCAST_ANTHROPIC_BASE_URL: provider.url };
  return startHindcast(["--json", "run", "--docs", "docs", "--no-evaluation"], { cwd: folder, env });
}

const clusterOf = (folder: string): ClusterFile =>
  ClusterFile.parse(JSON.parse(readFileSync(join(folder, ".hindcast/run/cluster.json"), "utf8")));

/** From a folder that knows nothing of the cluster but what a user on another machine is told. */
async function remotely(elsewhere: string, folder: string, ...args: string[]): Promise<HindcastResult> {
  return await hindcast([...toldOf(folder), ...args], { cwd: elsewhere });
}

function toldOf(folder: string): string[] {
  const { url, credentialsDirectory } = clusterOf(folder);
  const settings = [
    `cluster.natsUrl=${url}`,
    "cluster.natsUser=client",
    `cluster.natsPasswordFile=${join(credentialsDirectory, "client")}`,
  ];
  return settings.flatMap((each) => ["--set", each]);
}

async function exported(folder: string): Promise<Map<string, string>> {
  const out = join(folder, "dataset");
  expect((await hindcast(["--json", "export", "--out", out], { cwd: folder })).code).toBe(0);
  const paths = readdirSync(out, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(out.length + 1))
    .filter((path) => !path.startsWith("run/"));
  return new Map(paths.toSorted().map((path) => [path, readFileSync(join(out, path), "latin1")]));
}

const bodies = ({ requests }: Emulator): string[] => requests.map(({ body }) => JSON.stringify(body)).toSorted();

/** Living processes below another: an agent's sandboxes. */
function below(pid: number): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const parent = /^PPid:\t(\d+)/m.exec(read(Number(name), "status"))?.[1];
      return parent === undefined ? [] : [[Number(name), Number(parent)] as const];
    });
  const children = parents.flatMap(([child, parent]) => (parent === pid ? [child] : []));
  return children.flatMap((child) => [child, ...below(child)]);
}

function read(pid: number, file: "status" | "cmdline"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** When a coordinator was asked to cancel, by its log. */
function askedAt(folder: string): number {
  const lines = readFileSync(join(folder, ".hindcast/logs/coordinator.log"), "utf8").trim().split("\n");
  const entries = lines.map((line) => JSON.parse(line) as { event: string; verb?: string; at?: string });
  return Date.parse(entries.find(({ event, verb }) => event === "control" && verb === "cancel")?.at ?? "");
}

describe("hindcast run, interrupted on a cluster that is not its own", () => {
  it("says that the campaign goes on when it could not be cancelled", { timeout: 120_000 }, async () => {
    using folder = aFolder();
    using elsewhere = aFolder();
    const owner = startHindcast(["--json", "up"], { cwd: folder.path });
    await owner.untilEvent("cluster.running");
    writeFileSync(join(elsewhere.path, "settings.md"), manual);
    const args = ["--json", ...toldOf(folder.path), "run", "--docs", "settings.md", "--no-evaluation"];
    const run = startHindcast(args, { cwd: elsewhere.path });
    await run.untilEvent("campaign.started");
    const coordinator = clusterOf(folder.path).processes.find(({ part }) => part === "coordinator");
    process.kill(coordinator?.identity.pid ?? 0, "SIGSTOP");
    run.child.kill("SIGINT");
    const { code, stderr } = await run.done;
    // A command that nobody answers ends with Ctrl-C, long before its own two minutes.
    const asking = startHindcast([...toldOf(folder.path), "ctl", "pause", "c-0001"], { cwd: elsewhere.path });
    await delay(5_000);
    asking.child.kill("SIGINT");
    expect((await asking.done).code).toBe(130);
    process.kill(coordinator?.identity.pid ?? 0, "SIGCONT");
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/interrupted, but campaign c-0001 goes on.*`hindcast campaigns cancel c-0001`/s),
    ]);
    owner.child.kill("SIGINT");
    await owner.done;
  });
});

describe("hindcast ctl", () => {
  it(
    "pauses a campaign in mid-episode from elsewhere and resumes it to the same bytes, buying nothing twice",
    { timeout: 150_000 },
    async () => {
      using elsewhere = aFolder();
      using calm = aFolder();
      await using undisturbed = await startAnthropicEmulator();
      undisturbed.replyAlways(anthropicAnswer);
      expect((await startRun(calm.path, undisturbed).done).code).toBe(0);

      using folder = aFolder();
      await using provider = await startAnthropicEmulator();
      // Once in the midst of episodes, once among what is made of them: each time with calls under way.
      const firstAct = undisturbed.requests.findIndex(isAct);
      const [early, late] = [firstAct + 3, Math.floor((2 * undisturbed.requests.length) / 3)];
      let hold = holdAfter(provider, early);
      const run = startRun(folder.path, provider);
      await run.untilEvent("campaign.started");
      for (const next of [late, Infinity]) {
        await hold.held;
        const paused = await remotely(elsewhere.path, folder.path, "ctl", "pause", "c-0001");
        expect(paused).toMatchObject({ code: 0, stdout: "campaign c-0001: running -> paused\n" });
        const { goOn } = hold;
        hold = holdAfter(provider, next);
        goOn();
        await delay(settleMs);
        const asked = provider.requests.length;
        await delay(quietMs);
        expect(provider.requests.length).toBe(asked);
        expect(asked).toBeLessThan(undisturbed.requests.length);
        if (next === late) {
          const again = await remotely(elsewhere.path, folder.path, "ctl", "pause", "--all");
          expect(again).toMatchObject({ code: 0, stdout: "campaign c-0001 is paused already\n" });
        }
        const resumed = await remotely(elsewhere.path, folder.path, "--json", "ctl", "resume", "c-0001");
        expect(JSON.parse(resumed.stdout)).toMatchObject({
          event: "ctl.resume",
          changes: [{ before: "paused", after: "running" }],
        });
        if (next !== late) continue;
        const log = await remotely(elsewhere.path, folder.path, "--json", "ctl", "log", "--campaign", "c-0001");
        expect((JSON.parse(log.stdout) as { entries: unknown[] }).entries.at(-1)).toMatchObject({
          verb: "resume",
          target: "c-0001",
          user: "client",
          by: expect.stringContaining("@"),
          outcome: "done",
          changes: [{ campaignId: "c-0001", before: "paused", after: "running" }],
        });
      }
      await run.untilEvent("campaign.finished");
      expect((await run.done).code).toBe(0);
      expect(run.events().map(({ event }) => event)).toContain("campaign.paused");

      expect(bodies(provider)).toEqual(bodies(undisturbed));
      const [files, same] = [await exported(folder.path), await exported(calm.path)];
      expect([...files.keys()]).toEqual([...same.keys()]);
      for (const [path, content] of files) expect(content === same.get(path), path).toBe(true);
    },
  );

  it(
    "frees sandboxes within seconds, in the middle of a long command and of a model call",
    { timeout: 90_000 },
    async () => {
      using folder = aFolder();
      using elsewhere = aFolder();
      await using provider = await startAnthropicEmulator();
      const acts = (): number => provider.requests.filter(isAct).length;
      provider.replyAlways((request) => {
        if (!isAct(request)) return anthropicAnswer(request);
        return acts() === 1 ? { kind: "answer", text: `REASON: to wait\nACTION: ${longCommand}` } : { kind: "silence" };
      });
      const run = startRun(folder.path, provider);
      await run.untilEvent("campaign.started");
      await expect.poll(() => acts(), { timeout: 30_000 }).toBeGreaterThan(1);
      const agents = clusterOf(folder.path)
        .processes.filter(({ part }) => part === "agents")
        .map(({ identity }) => identity.pid);
      const sandboxes = (): number[] => agents.flatMap(below);
      await expect
        .poll(() => sandboxes().map((pid) => read(pid, "cmdline").replaceAll("\0", " ").trim()), { timeout: 10_000 })
        .toContain(longCommand);
      const freed = expect
        .poll(() => sandboxes(), { timeout: commandWithinMs + freedWithinMs, interval: 20 })
        .toEqual([])
        .then(() => Date.now());
      const cancelled = await remotely(elsewhere.path, folder.path, "ctl", "cancel", "c-0001");
      expect(cancelled).toMatchObject({ code: 0, stdout: "campaign c-0001: running -> cancelled\n" });
      expect((await freed) - askedAt(folder.path)).toBeLessThan(freedWithinMs);
      expect((await run.done).code).toBe(1);
    },
  );

  it("says what it wants when it is used wrongly, with exit code 2", { timeout: 60_000 }, async () => {
    using folder = aFolder();
    const [nobody, nowhere] = await Promise.all(
      [
        ["ctl", "pause"],
        ["ctl", "pause", "c-0001"],
      ].map((args) => hindcast(args, { cwd: folder.path })),
    );
    expect(nobody).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("or give --all for every running campaign"),
    });
    expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringContaining("no cluster runs in") });
  });
});
