// What admitting an instance costs on this machine, with nothing prepared and with everything, and what 100 instances take
// on disk. Runs on tasks that are made here from a project of the fixtures' kind, so that it needs no data and no network;
// `--tasks FILE --repos FOLDER [--instances IDS]` measures others, such as SWE-bench's own.
//
//   npm run bench -- swe-bench [--count 6] [--tasks FILE --repos FOLDER [--instances IDS]] [--json] [--publish]
//
// `--publish` writes the table into rollout-agent/README.md.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { textTable, writeIntoPage } from "./page-table.ts";
import { machine, option, quantile } from "./statistics.ts";

const program = new URL("../../coordinator/src/cli/main.ts", import.meta.url).pathname;
const count = option("count", 6);
const folder = mkdtempSync(join(tmpdir(), "hindcast-swe-bench-load-"), { encoding: "utf8" });
execFileSync("chmod", ["755", folder]);
const argument = (name: string): string | undefined => {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? undefined : process.argv[at + 1];
};

try {
  const tasks = argument("tasks") ?? madeTasks();
  const repos = argument("repos") ?? join(folder, "tasks", "repositories");
  const cache = join(folder, "cache");
  mkdirSync(cache, { mode: 0o755 });
  const cold = admissions(tasks, repos, cache);
  // The verdicts go, what was prepared stays.
  const warm = admissions(tasks, repos, cache, "--again");
  print({ cold, warm, disk: diskOf(cache), instances: cold.length });
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Of a project with many small functions; each bug is one instance. */
function madeTasks(): string {
  const clone = join(folder, "repositories", "demo__many");
  mkdirSync(clone, { recursive: true });
  const names = Array.from({ length: 2 * count }, (_, index) => `f${index}`);
  const source = names.map((name, index) => `export function ${name}(a) {\n  return a + ${index};\n}\n`).join("\n");
  const checks = names.map((name, index) => `test("${name} adds", () => equal(${name}(1), ${index + 1}));`).join("\n");
  const head = `import { equal } from "node:assert/strict";\nimport { test } from "node:test";\nimport { ${names.join(", ")} } from "./many.js";\n`;
  writeFileSync(join(clone, "package.json"), '{ "type": "module" }\n');
  writeFileSync(join(clone, "many.js"), source);
  writeFileSync(join(clone, "many.test.js"), `${head}${checks}\n`);
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=A", "-c", "user.email=a@example.invalid", ...args], {
      cwd: clone,
      encoding: "utf8",
    });
  git("init", "--quiet");
  git("add", "-A");
  git("commit", "--quiet", "-m", "many");
  const project = ["--repo", "demo/many", "--commit", git("rev-parse", "HEAD").trim(), "--language", "javascript"];
  const run = ["--test", "node --test --test-reporter=tap", "--count", String(count)];
  const places = ["--repos", join(folder, "repositories"), "--cache", join(folder, "made"), "--memory-gib", "2"];
  const out = join(folder, "tasks");
  mkdirSync(join(folder, "made"), { mode: 0o755 });
  hindcast(["make", ...project, ...run, ...places, "--out", out]);
  return join(out, "tasks.jsonl");
}

/** Seconds of each instance: both patches, with all that had to be prepared. */
function admissions(tasks: string, repos: string, cache: string, ...more: string[]): number[] {
  const ids = argument("instances");
  const places = ["--repos", repos, "--cache", cache, ...(ids === undefined ? [] : ["--instances", ids])];
  hindcast(["verify", "--tasks", tasks, ...places, ...more]);
  const verdicts = join(cache, "verdicts");
  const files = existsSync(verdicts) ? readdirSync(verdicts).filter((name) => name.endsWith(".json")) : [];
  if (files.length === 0) throw new Error("no instance was tried: is its repository in --repos?");
  return files.map((name) => (JSON.parse(readFileSync(join(verdicts, name), "utf8")) as { seconds: number }).seconds);
}

function hindcast(args: readonly string[]): void {
  const argv = ["--conditions=source", program, "bench", "swe-bench", ...args];
  const { status, stderr, error } = spawnSync(process.execPath, argv, { cwd: folder, encoding: "utf8" });
  // 4: some instance was unavailable.
  if (error !== undefined || (status !== 0 && status !== 4)) throw new Error(error?.message ?? stderr);
}

/** Bytes by what they are: repositories, environments, interpreters. */
function diskOf(cache: string): Record<string, { entries: number; bytes: number }> {
  const found: Record<string, { entries: number; bytes: number }> = {};
  for (const name of readdirSync(join(cache, "complete"))) {
    const { bytes } = JSON.parse(readFileSync(join(cache, "complete", name), "utf8")) as { bytes: number };
    const kind = /^(tree|python|node|interpreter|mirror)/.exec(name)?.[1] ?? "other";
    const { entries, bytes: before } = found[kind] ?? { entries: 0, bytes: 0 };
    found[kind] = { entries: entries + 1, bytes: before + bytes };
  }
  return found;
}

function print(result: {
  cold: number[];
  warm: number[];
  disk: Record<string, { entries: number; bytes: number }>;
  instances: number;
}): void {
  const { cold, warm, disk, instances } = result;
  const ofWhat = argument("tasks") === undefined ? "made here" : `of ${basename(argument("tasks") ?? "")}`;
  const heading = `Admission of ${instances} instances ${ofWhat}, both patches each, by \`npm run bench -- swe-bench\` on ${new Date().toISOString().slice(0, 10)}, ${machine(cpus())}.`;
  const tenths = (value: number): string => value.toFixed(1);
  const times = Object.entries({ "nothing prepared": cold, "all prepared": warm }).map(([name, seconds]) => [
    `admission, ${name}, s`,
    tenths(quantile(seconds, 0.5)),
    tenths(quantile(seconds, 0.99)),
    "",
    "",
  ]);
  const sizes = Object.entries(disk).map(([kind, { entries, bytes }]) => {
    const mebibytes = bytes / 2 ** 20;
    return [`${kind}, MiB`, "", "", tenths(mebibytes), `${tenths((100 * mebibytes) / instances)} (${entries} entries)`];
  });
  const rows = [["what", "p50", "p99", "on disk", "per 100 instances"], ...times, ...sizes];
  if (process.argv.includes("--json"))
    console.log(JSON.stringify({ benchmark: "swe-bench", machine: machine(cpus()), ...result }));
  else console.log(`${heading}\n\n${textTable(rows)}`);
  if (process.argv.includes("--publish")) {
    writeIntoPage(new URL("../../rollout-agent/README.md", import.meta.url), "admissions", { heading, rows });
  }
}
