// `hindcast sites`: web sites to learn on and to be measured by, on this machine. The work is the agent's, in a process of
// its own.
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { limits } from "@hindcast/shared";
import { SitesEvent, type SitesRequest } from "@hindcast/shared/node";
import { Command } from "commander";
import { cacheDirectory } from "../local/binary-options.ts";
import { formatCountOf } from "../report/format.ts";
import { printableLine } from "../report/text-width.ts";
import { type AgentProgram, agentProgram, passedOn, runAgentProgram } from "./agent-program.ts";
import { usage } from "./bench-webarena-tasks.ts";
import { type CommandContext, commandContext } from "./command-context.ts";
import { exitCodes } from "./exit-codes.ts";
import { Interrupted } from "./interruption.ts";

export function sitesCommand(): Command {
  const command = new Command("sites").description("web sites that are built and served here, with tasks of their own");
  const verb = (name: string, description: string): Command =>
    command.command(name).argument("[sites...]", "names; without any, all sites").description(description);
  verb("list", "which there are, and which are built").action(list);
  verb("build", "fetch and build what is not built yet").action(build);
  verb("tasks", "their tasks, in WebArena-Verified's format").option("--out <file>", "write them there").action(tasks);
  verb("serve", "serve them until interrupted; every fresh browser gets a copy of its own")
    .option("--copies <n>", "of each site at most, as many as there are episodes at a time", "4")
    .option("--port <n>", "of the first one; without it, any free ports", "0")
    .option("--out <folder>", "for sites.json, urls.json, tasks.json and logins (default: sites in the data directory)")
    .action(serve);
  verb("verify", "try every task: the right doing must pass, doing nothing and wrong answers must not")
    .option("--copies <n>", "of each site at most", "3")
    .action(verify);
  return command;
}

export type ListedSite = Extract<SitesEvent, { event: "listed" }>;

/** @param names empty: all there are */
export async function listSites(context: CommandContext, names: string[]): Promise<ListedSite[]> {
  const rows: ListedSite[] = [];
  await ask(context, { verb: "list", names }, (event) => {
    if (event.event === "listed") rows.push(event);
  });
  return rows;
}

async function list(names: string[], _options: unknown, command: Command): Promise<void> {
  const context = commandContext(command);
  const rows = await listSites(context, names);
  context.terminal.result({ event: "sites", sites: rows }, () =>
    context.terminal.table(
      [{ header: "site" }, { header: "places" }, { header: "built in", isFlexible: true }],
      rows.map((row) => [row.site, row.places, row.folder ?? `not built${lacking(row)}`]),
    ),
  );
}

export function lacking({ lacks }: ListedSite): string {
  return lacks.length === 0 ? "" : `; it needs ${lacks.map(printableLine).join("; ")}`;
}

async function build(names: string[], _options: unknown, command: Command): Promise<void> {
  const context = commandContext(command);
  context.terminal.status("building; this takes minutes the first time");
  await ask(context, { verb: "build", names }, (event) => {
    if (event.event !== "built") return;
    context.terminal.result(event, () => `${event.site} is built in ${event.folder} (${event.seconds} s)`);
  });
  context.terminal.status("");
}

async function tasks(names: string[], { out }: { out?: string }, command: Command): Promise<void> {
  const context = commandContext(command);
  const found: Extract<SitesEvent, { event: "tasks" }>["tasks"] = [];
  await ask(context, { verb: "tasks", names }, (event) => {
    if (event.event === "tasks") found.push(...event.tasks);
  });
  if (out !== undefined) writeFileSync(resolve(context.workingDirectory, out), `${JSON.stringify(found, null, 2)}\n`);
  context.terminal.result({ event: "tasks", tasks: found }, () =>
    [
      context.terminal.table(
        [{ header: "task", align: "right" }, { header: "site" }, { header: "intent", isFlexible: true }],
        found.map(({ task_id: id, sites, intent }) => [String(id), sites.join(" "), printableLine(intent)]),
      ),
      "",
      `${formatCountOf(found.length, "task")}${out === undefined ? "" : ` in ${out}`}`,
    ].join("\n"),
  );
}

interface ServeOptions {
  copies: string;
  port: string;
  out?: string;
}

async function serve(names: string[], options: ServeOptions, command: Command): Promise<void> {
  const context = commandContext(command);
  const { terminal, workingDirectory, dataDirectory } = context;
  const request = {
    verb: "serve" as const,
    names,
    copies: numberIn("--copies", options.copies, [1, limits.siteCopiesMax]),
    port: numberIn("--port", options.port, [0, 65_000]),
    out: options.out === undefined ? join(dataDirectory, "sites") : resolve(workingDirectory, options.out),
  };
  await ask(context, request, (event) => {
    if (event.event === "place") {
      terminal.result(event, () => `${event.name} is at ${event.url} (${formatCountOf(event.tasks, "task")})`);
    } else if (event.event === "serving") {
      terminal.result(event, () => howToUse(event).join("\n"));
    }
  });
}

function howToUse({ sitesFile, urlsFile, tasksFile }: Extract<SitesEvent, { event: "serving" }>): string[] {
  return [
    "",
    "learn on them in another terminal:",
    `  HINDCAST_SITES_FILE=${urlsFile} hindcast run --set campaign.environment=browser --set campaign.world.sitesFile=${sitesFile}`,
    "or try a model on their tasks:",
    `  hindcast bench webarena run --tasks ${tasksFile} --sites ${urlsFile} --logins ${resolve(tasksFile, "..")} --model <provider:model>`,
  ];
}

async function verify(names: string[], options: { copies: string }, command: Command): Promise<void> {
  const context = commandContext(command);
  const { terminal } = context;
  const copies = numberIn("--copies", options.copies, [1, limits.siteCopiesMax]);
  const verdicts: Extract<SitesEvent, { event: "verified" }>[] = [];
  const times: Extract<SitesEvent, { event: "restored" }>[] = [];
  await ask(context, { verb: "verify", names, copies }, (event) => {
    if (event.event === "restored") times.push(event);
    if (event.event !== "verified") return;
    verdicts.push(event);
    terminal.status(`${verdicts.length} tried; task ${event.taskId}: ${event.problem ?? "as it should be"}`);
  });
  terminal.status("");
  const bad = verdicts.filter(({ problem }) => problem !== null);
  terminal.result({ event: "sites-verified", times, tasks: verdicts }, () =>
    [
      terminal.table(
        [{ header: "site" }, { header: "start", align: "right" }, { header: "restore", align: "right" }],
        times.map(({ site, startMs, restoreMs }) => [site, `${startMs} ms`, `${restoreMs} ms`]),
      ),
      ...bad.map(({ taskId, intent, problem }) => `task ${taskId} (${printableLine(intent)}): ${problem ?? ""}`),
      `${verdicts.length - bad.length} of ${formatCountOf(verdicts.length, "task")} tell doing from not doing`,
    ].join("\n"),
  );
  if (bad.length > 0) process.exitCode = exitCodes.partial;
}

/** How the registries that sites are built from are reached. */
const registrySettings = /^(PIP|GO|CGO|npm_config)_?[A-Za-z_]*$/i;

type Asked = SitesRequest extends infer Each ? (Each extends unknown ? Omit<Each, "cache"> : never) : never;

async function ask(
  { env, interruption }: CommandContext,
  asked: Asked,
  onEvent: AgentProgram<SitesEvent>["onEvent"],
): Promise<void> {
  const request = { ...asked, cache: join(cacheDirectory(env), "sites") } as SitesRequest;
  const own = passedOn(env, { names: ["NODE_EXTRA_CA_CERTS"], pattern: registrySettings });
  const program = { purpose: "sites", file: agentProgram("sites.ts"), events: SitesEvent, env: own };
  await runAgentProgram({ ...program, request, onEvent }, interruption.asked);
  // Serving has no other end; of anything else a part must not pass for the whole.
  if (interruption.asked.aborted && asked.verb !== "serve") throw new Interrupted("interrupted");
}

function numberIn(flag: string, text: string, [min, max]: [number, number]): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw usage(`${flag} is a number from ${min} to ${max}, not "${text}"`);
}
