// Requirements: 3.12.cli, 3.12.config, 3.bad.config, 3.bad.documents, 3.5.refuses, 6.5.configuration, 6.14.needs
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { Finding } from "../../coordinator/src/report/finding.ts";
import {
  aFolder,
  hindcast,
  hindcastMain,
  processesOf,
  type HindcastEvent,
  type HindcastResult,
} from "../support/hindcast.ts";

const eventOf = ({ stdout }: HindcastResult): HindcastEvent =>
  JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as HindcastEvent;

describe("hindcast", () => {
  it("shows every verb in its help and exits 0", async () => {
    using folder = aFolder();
    const { code, stdout } = await hindcast(["--help"], { cwd: folder.path });
    expect(code).toBe(0);
    for (const verb of [
      "init",
      "doctor",
      "preflight",
      "config",
      "plan",
      "run",
      "up",
      "status",
      "campaigns",
      "show",
      "search",
      "export",
      "gc",
      "image",
      "forget",
      "dead-letters",
    ]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${verb}\\b`, "m"));
    }
  });

  it.each([
    [["frob"], "unknown command"],
    [["run", "--frob"], "unknown option"],
    [["run", "--seed=-1"], "--seed: campaign.seed is -1"],
    [["run", "--max-usd", "much"], '--max-usd: campaign.costUsdMax is "much"'],
    [["run", "--set", "campaign.taskPerDocument=4"], "did you mean campaign.tasksPerDocument?"],
    [["run", "--policy", "gpt-6"], "expected provider:model"],
    [["run", "--policy", "anthropic:claude-sonnet-5-5"], "set ANTHROPIC_API_KEY"],
    [["run", "--docs", "man:"], "names no manual page"],
    [["run", "--docs", "./nowhere"], "nowhere"],
    [["run", "--config", "none.yaml"], "none.yaml cannot be read"],
    [["export", "--format", "csv"], "write one of messages, steps, atif, parquet"],
    [["export"], "hindcast run"],
    [["show", "42"], "is no id of an episode"],
    [["gc", "--older-than", "1"], "write a number of hours from 24"],
    [["forget", "42"], "is no campaign id"],
    [["campaigns", "cancel", "x"], "is no campaign id"],
    [["campaigns", "cancel"], "(hindcast campaigns cancel --help shows"],
    [["dead-letters", "drop", "0"], "is no sequence number"],
    [["dead-letters", "show", "x"], "is no sequence number"],
  ])("refuses %j with one sentence and a code, and starts nothing", async (args, sentence) => {
    using folder = aFolder();
    const { code, stderr } = await hindcast(args, { cwd: folder.path });
    expect(stderr).toContain(sentence);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(2);
    expect(processesOf(folder.path)).toEqual([]);
  });

  it("shows the stack with --verbose", async () => {
    using folder = aFolder();
    const { stderr } = await hindcast(["--verbose", "run", "--seed=-1"], { cwd: folder.path });
    expect(stderr).toMatch(/^\s+at /m);
  });

  it("reports an error as a JSON object too", async () => {
    using folder = aFolder();
    const result = await hindcast(["--json", "run", "--seed=-1"], { cwd: folder.path });
    expect(eventOf(result)).toMatchObject({ event: "error", code: "CONFIG_INVALID" });
  });

  it("refuses a misspelt variable before anything is spent", async () => {
    using folder = aFolder();
    const { code, stderr } = await hindcast(["run"], { cwd: folder.path, env: { HINDCAST_MAX_USD: "5" } });
    expect([code, stderr]).toEqual([2, expect.stringContaining("HINDCAST_MAX_USD is not known")]);
  });

  it.each(["/proc/nowhere", "/dev/null"])("refuses %s as data directory instead of trying for ever", async (data) => {
    using folder = aFolder();
    const { code, stderr } = await hindcast(["--data", data, "up"], { cwd: folder.path });
    expect([code, stderr]).toEqual([2, expect.stringMatching(/data directory cannot be made.*--data/)]);
  });

  it("refuses an empty folder of documents", async () => {
    using folder = aFolder();
    mkdirSync(join(folder.path, "docs"));
    const { code, stderr } = await hindcast(["run", "--docs", "docs"], { cwd: folder.path });
    expect([code, stderr]).toEqual([2, expect.stringContaining("DOCUMENTS_EMPTY")]);
  });
});

describe("hindcast init", () => {
  it("writes a file that changes nothing, and never overwrites one unasked", async () => {
    using folder = aFolder();
    const path = join(folder.path, "hindcast.config.yaml");
    expect((await hindcast(["init"], { cwd: folder.path })).code).toBe(0);
    expect(Object.keys(parse(readFileSync(path, "utf8")) as object)).toEqual([
      "cluster",
      "models",
      "sandbox",
      "index",
      "admission",
      "storage",
      "campaign",
    ]);
    writeFileSync(path, "campaign:\n  seed: 9\n");
    expect((await hindcast(["init"], { cwd: folder.path })).code).toBe(2);
    expect(readFileSync(path, "utf8")).toContain("seed: 9");
    expect((await hindcast(["init", "--force"], { cwd: folder.path })).code).toBe(0);
    expect(readFileSync(path, "utf8")).not.toContain("seed: 9");
  });
});

describe("hindcast config", () => {
  it("shows each value with its source, and of keys only that they are there", async () => {
    using folder = aFolder();
    writeFileSync(join(folder.path, "hindcast.config.yaml"), "campaign:\n  seed: 7\n");
    const env = { ANTHROPIC_API_KEY: "sk-ant-secret", HINDCAST_AGENTS: "3" };
    const result = await hindcast(["--json", "config"], { cwd: folder.path, env });
    const { settings, keys, models } = eventOf(result) as unknown as {
      settings: { path: string; value: unknown; source: string }[];
      keys: Record<string, unknown>;
      models: { policy: string };
    };
    expect(settings).toContainEqual({ path: "campaign.seed", value: 7, source: "hindcast.config.yaml" });
    expect(settings).toContainEqual({ path: "cluster.agents", value: 3, source: "HINDCAST_AGENTS" });
    expect(settings).toContainEqual({ path: "cluster.slots", value: 2, source: "default" });
    expect(keys).toEqual({ ANTHROPIC_API_KEY: "***", GEMINI_API_KEY: null, OPENAI_API_KEY: null });
    expect(models.policy).toBe("anthropic:claude-sonnet-5-5");
    expect(result.stdout).not.toContain("sk-ant-secret");
  });

  it("prints no colour where it is not a terminal", async () => {
    using folder = aFolder();
    const { stdout } = await hindcast(["config"], { cwd: folder.path, env: { FORCE_COLOR: "1" } });
    expect(stdout).not.toContain("\u001B[");
  });
});

describe("hindcast plan", () => {
  it("counts calls, tokens and dollars of one's own documents without starting anything", async () => {
    using folder = aFolder();
    mkdirSync(join(folder.path, "docs"));
    writeFileSync(join(folder.path, "docs", "tar.md"), "# tar\n\nPack files:\n\n```sh\ntar -cf a.tar a\n```\n");
    const args = ["--json", "plan", "--dry-run", "--docs", "docs", "--tasks-per-document", "2", "--no-evaluation"];
    const offline = eventOf(await hindcast(args, { cwd: folder.path }));
    expect(offline).toMatchObject({ event: "plan", documents: 1, tasks: 2, episodes: 2, costUsd: 0 });
    const env = { ANTHROPIC_API_KEY: "sk-ant-none" };
    const priced = eventOf(await hindcast(args, { cwd: folder.path, env }));
    expect(priced["costUsd"]).toBeGreaterThan(0);
    const halved = eventOf(await hindcast([...args, "--batch"], { cwd: folder.path, env }));
    const dollarsOf = ({ calls }: Record<string, unknown>, isBatched: boolean): number =>
      (calls as { purpose: string; costUsd: number }[])
        .filter(({ purpose }) => (purpose !== "act" && purpose !== "retrieval-query") === isBatched)
        .reduce((sum, { costUsd }) => sum + costUsd, 0);
    expect(dollarsOf(halved, true)).toBeCloseTo(dollarsOf(priced, true) / 2, 9);
    expect(dollarsOf(halved, false)).toBe(dollarsOf(priced, false));
    expect((await hindcast([...args, "--batch"], { cwd: folder.path })).stderr).toContain("offline:rules has no batch");
    const unknown = eventOf(
      await hindcast([...args, "--policy", "anthropic:claude-unheard-of"], { cwd: folder.path, env }),
    );
    expect(unknown["costUsd"]).toBeNull();
    const tight = await hindcast([...args, "--max-usd", "0.0001"], { cwd: folder.path, env });
    expect([tight.code, eventOf(tight)["isOverBudget"]]).toEqual([3, true]);
    // Nothing can be held out of a single source, and there are no more variations than tasks to vary.
    const whole = eventOf(await hindcast(args.slice(0, -1), { cwd: folder.path }));
    expect(whole).toMatchObject({ heldOut: 0, tasks: 2, episodes: 2 + 2 * 6 });
    const text = await hindcast(args.slice(1), { cwd: folder.path });
    expect(text.stdout).toMatch(/^read 1 of 1 file: 1 document, about \d+ tokens; 0 duplicates removed$/m);
    expect(text.stdout).toMatch(/^1 document to learn from, 0 held out → 2 tasks → 2 episodes with evaluation/m);
    expect(text.stdout).toMatch(/^sum +\d+ +[\d,]+ +[\d,]+ +\$0\.00$/m);
    expect(existsSync(join(folder.path, ".hindcast", "nats"))).toBe(false);
  });
});

describe("hindcast doctor", () => {
  it("opens a real sandbox and finds this machine well", async () => {
    using folder = aFolder();
    const result = await hindcast(["--json", "doctor"], { cwd: folder.path });
    const { findings } = eventOf(result) as unknown as { findings: { what: string; state: string }[] };
    expect(findings).toContainEqual({ what: "sandbox", state: "good", detail: expect.stringContaining("opened") });
    expect(findings.filter(({ state }) => state === "missing")).toEqual([]);
    expect(findings.map(({ what }) => what)).toEqual(expect.arrayContaining(["site forge", "site shop", "site wiki"]));
    expect(result.code).toBe(0);
  });

  it.each([
    ["container", { HINDCAST_SANDBOX_DOCKER_SOCKET: "/nonexistent/docker.sock" }, "apt-get install docker.io"],
    [
      "vm",
      { HINDCAST_SANDBOX_IMAGE_FOLDER: "/nonexistent/images", HINDCAST_GUEST_PATH: "/nonexistent/guest" },
      "cargo",
    ],
  ])("names what the chosen driver lacks and exits 1: %s", async (driver, variables, remedy) => {
    using folder = aFolder();
    const env = { ...variables, HINDCAST_SANDBOX_DRIVER: driver };
    const { code, stdout } = await hindcast(["--json", "doctor"], { cwd: folder.path, env });
    expect(code).toBe(1);
    const findings = JSON.parse(stdout.trim().split("\n").at(-1) ?? "").findings as { what: string; detail: string }[];
    const chosen = findings.find(({ what }) => what === `sandbox (${driver})`);
    expect(chosen).toMatchObject({ state: "missing", detail: expect.stringContaining(remedy) });
    expect(findings.find(({ what }) => what === "other sandboxes")?.detail).toContain("bubblewrap:");
  });

  it("names the package and exits 1 where bubblewrap is missing", async () => {
    using folder = aFolder();
    const bin = join(folder.path, "bin");
    mkdirSync(bin);
    for (const name of ["git", "cargo", "man"]) symlinkSync(`/usr/bin/${name}`, join(bin, name));
    const { code, stdout } = await hindcast(["doctor"], {
      cwd: folder.path,
      env: { PATH: bin, HINDCAST_CACHE: folder.path },
    });
    expect(code).toBe(1);
    expect(stdout).toMatch(/bwrap +missing +install the package bubblewrap/);
    // Not even what their needs are looked at with.
    for (const site of ["forge", "shop", "wiki"])
      expect(stdout).toMatch(new RegExp(`site ${site} +advice +not built; it needs`));
  });

  it("names the packages of QEMU, openssl and curl where no program of the system's is", async () => {
    using folder = aFolder();
    // The whole system without its programs, but for our own Node: paths that are fixed (QEMU's) are gone as well.
    const node = process.execPath;
    const hidden = ["--dev-bind", "/", "/", "--tmpfs", "/usr/bin", "--ro-bind", node, node, "--"];
    const argv = [...hidden, node, "--conditions=source", hindcastMain, "--json", "doctor"];
    const env = { PATH: "/usr/bin:/bin", HOME: "/nonexistent", HINDCAST_CACHE: folder.path };
    const { stdout } = await promisify(execFile)("bwrap", argv, { cwd: folder.path, env }).catch(
      // What is missing makes its exit code 1.
      (error: unknown) => error as { stdout: string },
    );
    const { findings } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { findings: Finding[] };
    const detailOf = (name: string): string | undefined => findings.find(({ what }) => what === name)?.detail;
    expect(detailOf("other sandboxes")).toContain(
      "vm: /usr/bin/qemu-system-x86_64 is missing: install QEMU (Debian, Ubuntu: apt-get install qemu-system-x86)",
    );
    expect(detailOf("openssl")).toMatch(/install the package openssl$/);
    expect(detailOf("curl")).toMatch(/install the package curl$/);
  });
});

describe("hindcast status", () => {
  it("says that no cluster runs, and starts none", async () => {
    using folder = aFolder();
    expect(eventOf(await hindcast(["--json", "status"], { cwd: folder.path }))).toEqual({
      event: "status",
      cluster: null,
    });
    expect(processesOf(folder.path)).toEqual([]);
  });
});
