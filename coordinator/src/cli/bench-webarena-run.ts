// `hindcast bench webarena run`: tasks as episodes of a cluster that is started for it, one after the other, and a table
// of what came of them.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type CampaignId, EpisodeLimits, messageOf, StorageState, WebArenaSite } from "@hindcast/shared";
import { canonicalJson, deriveId, workerVariables } from "@hindcast/shared/node";
import type { Command } from "commander";
import { planWebTasks, type WebSites } from "../bench/web-plan.ts";
import { runWebTasks, type WebTaskResult } from "../bench/web-run.ts";
import { scoreOfRun } from "../bench/web-score.ts";
import { runningCluster } from "../local/local-cluster.ts";
import { formatCountOf } from "../report/format.ts";
import { scoreTable } from "../report/render-score.ts";
import { printableLine } from "../report/text-width.ts";
import { TaskRunner } from "../task-runner.ts";
import { poolOf } from "../worlds/pool-of.ts";
import { chosenTasks, usage, type BenchOptions } from "./bench-webarena-tasks.ts";
import { commandContext, type CommandContext } from "./command-context.ts";
import { exitCodes } from "./exit-codes.ts";
import { resetCommands } from "./reset-commands.ts";
import { withSession } from "./session.ts";
import { siteClocks } from "./site-clocks.ts";
import type { Terminal } from "./terminal.ts";

export interface RunOptions extends BenchOptions {
  model: string;
  judge?: string;
  logins?: string;
  clocks?: string;
  reset?: string[];
  name: string;
}

/** WebArena's own: 30 steps. An answer of a model may take minutes. */
const episodeLimits = EpisodeLimits.parse({
  stepsMax: 30,
  tokensMax: 2_000_000,
  costUsdMax: null,
  wallTimeMs: 1_800_000,
  stepTimeMs: 60_000,
  observationBytesMax: 16_000,
  outputBytesMax: 2 ** 26,
  memoryBytesMax: 2 ** 30,
  diskBytesMax: 2 ** 28,
  processesMax: 512,
  formatErrorsMax: 3,
});

export async function runWebArena(options: RunOptions, command: Command): Promise<void> {
  const context = commandContext(command);
  const { terminal, interruption, workingDirectory } = context;
  const chosen = await chosenTasks(options, workingDirectory);
  const { read, metadata } = chosen;
  const sites: WebSites = {
    urls: chosen.sites,
    logins: loginsOf(options, workingDirectory),
    resets: resetCommands(options.reset ?? []),
    clocks: siteClocks(options, workingDirectory),
  };
  const plan = planWebTasks({ read, sites, metadata, judge: options.judge !== undefined });
  const campaign = campaignOf(options, canonicalJson(read));
  const results: WebTaskResult[] = [];
  const onResult = (result: WebTaskResult): void => {
    results.push(result);
    terminal.status(`${results.length} of ${plan.length} done; task ${result.taskId}: ${result.status}`);
  };
  const isAnyReady = plan.some(({ unavailable }) => unavailable === null);
  // The pool that this command's own agents work on: another one nobody would read.
  const pool = poolOf(context.loaded.config.campaign.environment);
  const common = {
    campaign,
    plan,
    sites,
    model: options.model,
    judge: options.judge,
    pool,
    limits: episodeLimits,
    onResult,
  };
  if (isAnyReady) {
    await withSession(
      tellingAgents(context, sites),
      { parts: ["coordinator", "agents"], user: "coordinator" },
      async ({ bus }) => {
        const stop = new AbortController();
        const signal = AbortSignal.any([stop.signal, interruption.asked]);
        const tasks = new TaskRunner(bus, signal);
        // Its end reaches those who wait for results; on its own it says nothing.
        const following = tasks.follow(campaign).catch(() => undefined);
        try {
          await runWebTasks({ ...common, tasks }, signal);
        } finally {
          stop.abort();
          await following;
        }
      },
    );
  } else {
    for (const { task, unavailable } of plan) {
      const detail = unavailable ?? "";
      onResult({ taskId: task.task_id, status: "unavailable", detail, episodeId: null, steps: 0 });
    }
  }
  terminal.status("");
  const count = (status: WebTaskResult["status"]): number => results.filter((one) => one.status === status).length;
  const [succeeded, failed] = [count("success"), count("failure")];
  const others = results.length - succeeded - failed;
  const score = scoreOfRun(read.tasks, results);
  const event = { event: "benchmark-run", benchmark: read.benchmark, campaign, succeeded, failed, score, results };
  terminal.result(event, () =>
    [
      resultTable(terminal, results),
      "",
      scoreTable(score, "site", terminal.pen),
      "",
      `${succeeded} of ${formatCountOf(results.length, "task")} succeeded, ${failed} failed, ${others} could not be tried or judged`,
    ].join("\n"),
  );
  if (others > 0) process.exitCode = exitCodes.partial;
}

/** The same tasks of the same run are not run again; judged by another they are. */
function campaignOf({ name, model, judge }: RunOptions, tasks: string): CampaignId {
  return deriveId("c", "webarena", name, model, ...(judge === undefined ? [] : [judge]), tasks) as CampaignId;
}

/** Agents judge by the same URLs; those of a cluster that runs already were told others, or none. */
function tellingAgents(context: CommandContext, { urls }: WebSites): CommandContext {
  const { dataDirectory, env } = context;
  if (context.loaded.config.cluster.natsUrl !== null) return context;
  if (runningCluster(dataDirectory) !== null) {
    throw usage(
      `a cluster runs in ${dataDirectory}, and its agents were not told of these sites; stop it, or name another folder with --data`,
    );
  }
  mkdirSync(dataDirectory, { recursive: true });
  const file = join(dataDirectory, "sites.json");
  writeFileSync(file, `${JSON.stringify(urls, null, 2)}\n`);
  return { ...context, env: { ...env, [workerVariables.sitesFile.name]: file } };
}

/** `<site>_state.json` of a folder, as WebArena's own scripts name them. */
function loginsOf({ logins }: RunOptions, workingDirectory: string): WebSites["logins"] {
  if (logins === undefined) return {};
  const found: WebSites["logins"] = {};
  for (const site of WebArenaSite.options) {
    const path = resolve(workingDirectory, logins, `${site}_state.json`);
    if (existsSync(path)) found[site] = loginOf(path);
  }
  return found;
}

function loginOf(path: string): StorageState {
  try {
    return StorageState.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw usage(`${path} is no storage state of a browser: ${messageOf(error).slice(0, 500)}`);
  }
}

function resultTable(terminal: Terminal, results: readonly WebTaskResult[]): string {
  return terminal.table(
    [
      { header: "task", align: "right" },
      { header: "outcome" },
      { header: "steps", align: "right" },
      { header: "why", isFlexible: true },
    ],
    results.map(({ taskId, status, steps, detail }) => [String(taskId), status, String(steps), printableLine(detail)]),
  );
}
