// `hindcast bench harbor export`: code tasks that were made here as Harbor task folders. Each is read back before it
// counts: what our own importer cannot run would be a folder that nobody here can vouch for.
import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { HindcastError, type PinnedNode } from "@hindcast/shared";
import {
  exportHarborTask,
  type HarborFolder,
  importHarborTask,
  instanceRequirements,
  PinnedEnvironments,
  NotExportable,
  readEnvironmentPins,
  readNodePins,
  readSweBenchInstances,
  type SweBenchInstance,
  sweBenchAsHarbor,
  writeHarborFolder,
} from "@hindcast/shared/node";
import { Command } from "commander";
import { repositoryFiles } from "../bench/repository-files.ts";
import { StagingFolder } from "../export/staging.ts";
import { printableLine } from "../report/text-width.ts";
import { commandContext, type CommandContext, repeatable } from "./command-context.ts";
import { exitCodes } from "./exit-codes.ts";
import { hostFacts, type HostFacts } from "./host-facts.ts";

interface Options {
  tasks: string;
  repos?: string[];
  out: string;
}

type Outcome = { name: string; state: "exported" | "refused"; detail: string };

const limits = { wallTimeMs: 1_800_000, memoryBytesMax: 2 * 1024 ** 3, diskBytesMax: 1024 ** 3 };
const verifierTimeoutMs = 600_000;

export function harborExportCommand(): Command {
  return new Command("export")
    .description("write code tasks that were made here as task folders, whose verifiers judge as we do")
    .requiredOption("--tasks <file>", "what `bench swe-bench make` wrote: tasks.jsonl, or the folder that holds it")
    .requiredOption("--out <folder>", "gets a folder for each task; must be empty or not exist")
    .option("--repos <folder>", "of clones; repeatable (default: repositories/ beside the tasks)", repeatable)
    .action(run);
}

async function run(options: Options, command: Command): Promise<void> {
  const { terminal, workingDirectory, env, interruption } = commandContext(command);
  const file = tasksFile(resolve(workingDirectory, options.tasks));
  const instances = await readSweBenchInstances(file);
  if (instances.length === 0) throw refused(`${file} holds no tasks`);
  const folders = options.repos?.map((folder) => resolve(workingDirectory, folder)) ?? [
    join(dirname(file), "repositories"),
  ];
  const host = await hostFacts();
  const making = { ...(await pinsBeside(file)), folders, host, env };
  const directory = resolve(workingDirectory, options.out);
  await using staging = await StagingFolder.beside(directory, null);
  const outcomes: Outcome[] = [];
  for (const instance of instances) {
    interruption.asked.throwIfAborted();
    const { instance_id: name } = instance;
    try {
      await writeHarborFolder(staging.path, await folderOf(instance, making));
      outcomes.push({ name, state: "exported", detail: "" });
    } catch (error) {
      if (!(error instanceof NotExportable)) throw error;
      outcomes.push({ name, state: "refused", detail: error.message });
    }
  }
  const exported = outcomes.filter(({ state }) => state === "exported").length;
  if (exported > 0) await staging.commit();
  terminal.result({ event: "harbor.exported", directory: exported > 0 ? directory : null, tasks: outcomes }, () =>
    [
      terminal.table(
        [{ header: "task", isFlexible: true }, { header: "state" }, { header: "reason", isFlexible: true }],
        outcomes.map(({ name, state, detail }) => [name, state, printableLine(detail)]),
      ),
      "",
      exported > 0
        ? `${exported} of ${outcomes.length} exported to ${directory}`
        : `none of ${outcomes.length} could be exported; nothing was written`,
    ].join("\n"),
  );
  if (exported < outcomes.length) process.exitCode = exitCodes.partial;
}

interface Making {
  environments: PinnedEnvironments;
  packages: Map<string, PinnedNode>;
  folders: readonly string[];
  host: HostFacts;
  env: CommandContext["env"];
}

/** @throws NotExportable */
async function folderOf(instance: SweBenchInstance, making: Making): Promise<HarborFolder> {
  const { environments, packages, folders, host, env } = making;
  const { node } = host;
  if (node === null) throw new NotExportable("there is no node on the PATH, whose version its image would be based on");
  const requirements = instanceRequirements(instance, environments, packages);
  const exported = { instance, requirements, node, limits, verifierTimeoutMs };
  // What needs no repository to be refused says so first.
  sweBenchAsHarbor({ ...exported, files: [] });
  const { repository, baseCommit: commit } = requirements;
  const files = await repositoryFiles({ repository, commit }, { folders, env });
  const folder = exportHarborTask(sweBenchAsHarbor({ ...exported, files }));
  const read = importHarborTask(folder, host);
  if (read.kind === "unavailable") throw new NotExportable(read.reason);
  return folder;
}

function tasksFile(place: string): string {
  const file = existsSync(join(place, "tasks.jsonl")) ? join(place, "tasks.jsonl") : place;
  if (existsSync(file)) return file;
  throw refused(`${place} is not there; \`hindcast bench swe-bench make\` writes such a ${basename(place)}`);
}

async function pinsBeside(file: string): Promise<Pick<Making, "environments" | "packages">> {
  const pins = join(dirname(file), "pins.jsonl");
  if (!existsSync(pins)) return { environments: new PinnedEnvironments(), packages: new Map() };
  return { environments: await readEnvironmentPins(pins), packages: await readNodePins(pins) };
}

function refused(message: string): HindcastError {
  return new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
}
