// Several coordinators on one server, killed and frozen in the midst of a campaign: whatever happens to them, the data
// set is that of a run which nothing happened to, byte for byte.
// Requirements: 5.4.identical, 5.4.leader, 5.4.shared-stages
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { type CampaignId, CampaignReport, leaseOf } from "@hindcast/shared";
import { type Bus, connectBus, deriveId } from "@hindcast/shared/node";
import { describe, expect, it, onTestFinished } from "vitest";
import { ClusterFile } from "../../coordinator/src/local/cluster-file.ts";
import { seededRandom } from "../../coordinator/src/sampling.ts";
import { aFolder, hindcast, type HindcastProcess, processesOf, startHindcast } from "../support/hindcast.ts";

const coordinators = 3;
const campaign = leaseOf.campaign("c-0001" as CampaignId);
/** Progress messages of an undisturbed run; kills fall into its first two thirds. */
const progressAtLeast = 60;

/** Commands whose output tells nothing of the clock: two worlds that ran them are equal. */
const manuals: Record<string, Record<string, string>> = {
  "Working with files": {
    "Create an empty file": "touch notes.txt",
    "Write a line into a file": 'echo "first line" > notes.txt',
    "Append another line": 'echo "second line" >> notes.txt',
  },
  Folders: {
    "Create a folder with its parents": "mkdir -p src/main/java",
    "Copy a folder": "cp -r src backup",
    "Move a file": "mv old.txt new.txt",
  },
  "Configuring git": {
    "Set the name that commits carry": 'git config user.name "Ada Lovelace"',
    "Set the default branch of new repositories": "git config init.defaultBranch trunk",
  },
  "npm pkg": {
    "Set the license of a package": "npm pkg set license=MIT",
    "Read the version": "npm pkg get version",
    "Add a keyword": 'npm pkg set "keywords[]=tool"',
  },
  "Sorting and counting": {
    "Sort a file": "sort names.txt",
    "Sort a file into another one": "sort names.txt > sorted.txt",
    "Count lines": "wc -l names.txt",
  },
  "Links and permissions": {
    "Make a symbolic link": "ln -s target.txt link.txt",
    "Make a script executable": "chmod +x build.sh",
  },
  Branches: {
    "Create a branch": "git branch topic",
    "Rename a branch": "git branch -m topic feature",
    "List branches": "git branch",
  },
  Staging: {
    "Stage a file": "git add readme.txt",
    "Show what is staged": "git status --short",
    "Unstage a file": "git rm --cached readme.txt",
  },
};

function someDocuments(folder: string): string {
  const docs = join(folder, "docs");
  mkdirSync(docs);
  for (const [title, examples] of Object.entries(manuals)) {
    const sections = Object.entries(examples).map(([what, command]) => `${what}:\n\n\`\`\`sh\n${command}\n\`\`\`\n`);
    writeFileSync(join(docs, `${title.replaceAll(" ", "-")}.md`), `# ${title}\n\n${sections.join("\n")}`);
  }
  return docs;
}

interface Run {
  process: HindcastProcess;
  /** The coordinators' own connection: it sees who leads. */
  bus: Bus;
  leader(): Promise<number | null>;
  pids(): number[];
  untilProgress(messages: number): Promise<void>;
}

async function aRun(folder: string): Promise<Run> {
  const process = startHindcast(
    [
      "--json",
      "run",
      "--docs",
      someDocuments(folder),
      "--no-evaluation",
      "--seed",
      "7",
      "--set",
      `cluster.coordinators=${coordinators}`,
    ],
    { cwd: folder },
  );
  await process.untilEvent("campaign.started");
  const file = (): ClusterFile =>
    ClusterFile.parse(JSON.parse(readFileSync(join(folder, ".hindcast/run/cluster.json"), "utf8")));
  const { url, credentialsDirectory } = file();
  const password = readFileSync(join(credentialsDirectory, "coordinator"), "utf8");
  const credentials = { user: "coordinator", password };
  const bus = await connectBus({ servers: url, credentials, name: "test", inboxPrefix: "_INBOX_coordinator" });
  onTestFinished(() => bus.close());
  const pids = (): number[] =>
    file()
      .processes.filter(({ part }) => part === "coordinator")
      .map(({ identity }) => identity.pid);
  return {
    process,
    bus,
    pids,
    leader: async () => {
      const holder = await bus.leases.holder(campaign);
      return pids().find((pid) => deriveId("w", "coordinator", hostname(), pid) === holder?.workerId) ?? null;
    },
    untilProgress: (messages) =>
      expect
        .poll(() => process.events().filter(({ event }) => event === "progress").length, {
          timeout: 60_000,
          interval: 5,
        })
        .toBeGreaterThanOrEqual(messages),
  };
}

async function leaderOf(run: Run, other: number | null = null): Promise<number> {
  let pid: number | null = null;
  const look = async (): Promise<boolean> => (pid = await run.leader()) !== null && pid !== other;
  await expect.poll(look, { timeout: 30_000, interval: 20 }).toBe(true);
  return pid!;
}

interface Outcome {
  report: CampaignReport;
  /** Content of every exported file of the data, by path. */
  files: Map<string, string>;
  /** Log lines of this event, over all coordinators and their restarts, in the order of time. */
  logged: (event: string) => Record<string, unknown>[];
}

async function outcomeOf({ process, bus }: Run, folder: string): Promise<Outcome> {
  const { report } = await process.untilEvent("campaign.finished");
  await bus.close();
  expect((await process.done).code).toBe(0);
  const out = join(folder, "dataset");
  expect((await hindcast(["--json", "export", "--out", out], { cwd: folder })).code).toBe(0);
  const paths = readdirSync(out, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(out.length + 1))
    .filter((path) => !path.startsWith("run/"));
  const files = new Map(paths.toSorted().map((path) => [path, readFileSync(join(out, path), "latin1")]));
  const logs = join(folder, ".hindcast/logs");
  const lines = readdirSync(logs)
    .filter((name) => name.startsWith("coordinator"))
    .flatMap((name) => readFileSync(join(logs, name), "utf8").trim().split("\n"))
    .map((line) => JSON.parse(line) as Record<string, unknown> & { time: string })
    .sort((a, b) => a.time.localeCompare(b.time));
  expect(processesOf(folder)).toEqual([]);
  return {
    report: CampaignReport.parse(report),
    files,
    logged: (event) => lines.filter((line) => line["event"] === event),
  };
}

/** Of the first test, which the others compare with. */
let undisturbed: Outcome;

/** What is of the data is the same; every number of the funnel is the same. */
function expectSame({ report, files }: Outcome): void {
  expect([...files.keys()]).toEqual([...undisturbed.files.keys()]);
  for (const [path, content] of files) expect(content === undisturbed.files.get(path), path).toBe(true);
  expect(report.funnel).toEqual(undisturbed.report.funnel);
  expect(report.outcomes).toEqual(undisturbed.report.outcomes);
}

describe("a campaign on several coordinators", () => {
  it("shares its stages and has one leader", { timeout: 120_000 }, async () => {
    using folder = aFolder();
    const run = await aRun(folder.path);
    undisturbed = await outcomeOf(run, folder.path);
    expect(run.process.events().length).toBeGreaterThan(progressAtLeast);
    expect(undisturbed.logged("campaign.led")).toHaveLength(1);
    // The stages were shared: no single coordinator did all of them.
    const workers = undisturbed.logged("stage.ended").map(({ workerId }) => workerId);
    expect(new Set(workers).size).toBeGreaterThan(1);
    expect(undisturbed.files.size).toBeGreaterThan(40);
  });

  it("exports the same bytes when its leaders are killed -9 at random moments", { timeout: 180_000 }, async () => {
    using folder = aFolder();
    const run = await aRun(folder.path);
    const random = seededRandom("kill the leader");
    const moments = [random.integer(20), 20 + random.integer(40)];
    for (const moment of moments) {
      await run.untilProgress(moment);
      process.kill(await leaderOf(run), "SIGKILL");
    }
    const outcome = await outcomeOf(run, folder.path);
    expect(outcome.logged("campaign.led").length).toBeGreaterThan(moments.length);
    expectSame(outcome);
  });

  it(
    "exports the same bytes when a standby dies and its leader is frozen beyond its lease",
    { timeout: 180_000 },
    async () => {
      using folder = aFolder();
      const run = await aRun(folder.path);
      const random = seededRandom("freeze the leader");
      await run.untilProgress(random.integer(20));
      const frozen = await leaderOf(run);
      process.kill(
        run.pids().find((pid) => pid !== frozen)!,
        "SIGKILL",
      );
      await run.untilProgress(20 + random.integer(20));
      process.kill(frozen, "SIGSTOP");
      const successor = await leaderOf(run, frozen);
      process.kill(frozen, "SIGCONT");
      expect(successor).not.toBe(frozen);
      const outcome = await outcomeOf(run, folder.path);
      // The one that was frozen noticed, and only its successor ended the campaign. On a busy machine others may let go, too.
      expect(outcome.logged("campaign.let-go").map(({ pid }) => pid)).toContain(frozen);
      expect(outcome.logged("campaign.ended").map(({ pid }) => pid)).toEqual([successor]);
      expectSame(outcome);
    },
  );
});
