// Requirements: 3.start, 3.start.again, 3.own-docs, 3.bad.ctrl-c, 3.14.ci
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CampaignReport } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { aFolder, hindcast, processesOf, startHindcast } from "../support/hindcast.ts";

const root = new URL("../..", import.meta.url).pathname;

/** `npm start` itself, kept small by settings and kept out of the clone's own data. */
function npmStart(data: string): Promise<{ code: number | null; output: string }> {
  const env = {
    ...process.env,
    HINDCAST_DATA_DIRECTORY: data,
    HINDCAST_DOCUMENTS_MAX: "3",
    HINDCAST_TASKS_PER_DOCUMENT: "2",
    HINDCAST_EVALUATION_TASKS_PER_KIND_MAX: "1",
  };
  const child = spawn("npm", ["start"], { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (bytes: Buffer) => void (output += bytes.toString()));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, output })));
}

const tarManual = `# tar

## Make an archive

Put two files into an archive and list it:

\`\`\`sh
tar -cf both.tar one.txt two.txt
tar -tf both.tar
\`\`\`

## Take files out

\`\`\`sh
mkdir out
tar -xf both.tar -C out
\`\`\`
`;

const lastEvent = (stdout: string): unknown => JSON.parse(stdout.trim().split("\n").at(-1) ?? "");

describe("npm start", () => {
  it("runs a campaign on real manuals, prints what came of it, exits 0, and adds to it the next time", async () => {
    using folder = aFolder();
    const data = join(folder.path, "data");
    const first = await npmStart(data);
    expect(first.output).toContain("offline rules, no LLM");
    for (const word of ["Funnel", "documents", "demonstrations", "Measured gain", "Throughput", data]) {
      expect(first.output).toContain(word);
    }
    expect([first.code, processesOf(folder.path)]).toEqual([0, []]);

    const startedAt = Date.now();
    const second = await npmStart(data);
    expect(second.code).toBe(0);
    expect(second.output).not.toMatch(/installing|building/);
    expect(Date.now() - startedAt).toBeLessThan(120_000);
    const status = await hindcast(["--json", "--data", data, "export", "--out", join(folder.path, "export")], {
      cwd: folder.path,
    });
    expect(status.code).toBe(0);
    const campaigns = JSON.parse(readFileSync(join(folder.path, "export", "run", "campaigns.json"), "utf8")) as {
      id: string;
    }[];
    expect(campaigns.map(({ id }) => id)).toContain("c-0001");
    expect(existsSync(join(data, "nats"))).toBe(true);
  });
});

describe("hindcast run", () => {
  it("learns from a folder of one's own documents", async () => {
    using folder = aFolder();
    mkdirSync(join(folder.path, "docs"));
    writeFileSync(join(folder.path, "docs", "tar.md"), tarManual);
    const run = startHindcast(["--json", "run", "--docs", "./docs", "--environment", "shell", "--no-evaluation"], {
      cwd: folder.path,
    });
    expect((await run.done).code).toBe(0);
    const finished = run.events().find(({ event }) => event === "campaign.finished");
    const report = CampaignReport.parse(finished?.["report"]);
    expect(report.isOffline).toBe(true);
    expect(report.funnel.find(({ name }) => name === "documents")?.total).toBeGreaterThan(0);
    expect(report.funnel.find(({ name }) => name === "episodes")?.total).toBeGreaterThan(0);
    expect(processesOf(folder.path)).toEqual([]);

    const search = await hindcast(["--json", "search", "make an archive of two files"], { cwd: folder.path });
    expect(search.code).toBe(0);
    expect(lastEvent(search.stdout)).toMatchObject({ event: "search" });

    const list = await hindcast(["--json", "show", "c-0001"], { cwd: folder.path });
    const { episodes } = lastEvent(list.stdout) as { episodes: { episodeId: string }[] };
    expect(episodes.length).toBe(report.funnel.find(({ name }) => name === "episodes")?.total);
    const shown = await hindcast(["--json", "show", episodes[0]?.episodeId ?? ""], { cwd: folder.path });
    expect(lastEvent(shown.stdout)).toMatchObject({ event: "episode", campaignId: "c-0001" });
    const campaigns = await hindcast(["--json", "campaigns", "list"], { cwd: folder.path });
    expect(lastEvent(campaigns.stdout)).toMatchObject({ campaigns: [{ id: "c-0001", state: "finished" }] });
  });

  it("ends cleanly on Ctrl-C in mid-campaign, keeps what it has, and goes on when it is run again", async () => {
    using folder = aFolder();
    const args = ["--json", "run", "--documents-max", "12", "--no-evaluation"];
    const run = startHindcast(args, { cwd: folder.path });
    await run.untilEvent("progress");
    run.child.kill("SIGINT");
    const { code, stderr } = await run.done;
    expect([code, stderr]).toEqual([130, expect.stringContaining("the same command continues campaign c-0001")]);
    expect(processesOf(folder.path)).toEqual([]);

    const again = startHindcast(args, { cwd: folder.path });
    expect(await again.untilEvent("campaign.continued")).toMatchObject({ campaignId: "c-0001" });
    expect((await again.done).code).toBe(0);
    expect(again.events().at(-1)).toMatchObject({ event: "campaign.finished", campaignId: "c-0001" });
    expect(processesOf(folder.path)).toEqual([]);
  });
});
