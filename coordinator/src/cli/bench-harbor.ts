import { readdirSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { HindcastError, messageOf } from "@hindcast/shared";
import { type HarborTask, importHarborTask, readHarborFolder } from "@hindcast/shared/node";
import { Command } from "commander";
import { printableLine } from "../report/text-width.ts";
import { harborExportCommand } from "./bench-harbor-export.ts";
import { commandContext } from "./command-context.ts";
import { hostFacts, type HostFacts } from "./host-facts.ts";

type Found = { name: string; state: "runs here" | "unavailable" | "no task"; detail: string; task: HarborTask | null };

export function harborCommand(): Command {
  return new Command("harbor")
    .description("Harbor (Terminal-Bench) task folders")
    .addCommand(
      new Command("list")
        .argument("<folder>", "a task, or a folder of tasks")
        .description("which tasks the shell world can run on this machine, and why not the others")
        .action(list),
    )
    .addCommand(harborExportCommand());
}

async function list(folder: string, _options: unknown, command: Command): Promise<void> {
  const { terminal, workingDirectory } = commandContext(command);
  const host = await hostFacts();
  const found = await Promise.all(tasksIn(resolve(workingDirectory, folder)).map((path) => examine(path, host)));
  const running = found.filter(({ state }) => state === "runs here").length;
  terminal.result({ event: "harbor.tasks", tasks: found }, () =>
    [
      terminal.table(
        [{ header: "task" }, { header: "state" }, { header: "reason", isFlexible: true }],
        found.map(({ name, state, detail }) => [name, state, printableLine(detail)]),
      ),
      "",
      `${running} of ${found.length} run here`,
    ].join("\n"),
  );
}

async function examine(path: string, host: HostFacts): Promise<Found> {
  const name = basename(path);
  try {
    const imported = importHarborTask(await readHarborFolder(path), host);
    if (imported.kind === "task") return { name, state: "runs here", detail: "", task: imported.task };
    return { name, state: "unavailable", detail: imported.reason, task: null };
  } catch (error) {
    if (!(error instanceof HindcastError)) throw error;
    return { name, state: "no task", detail: messageOf(error), task: null };
  }
}

/** The folder itself, or those directly below it that hold a task.toml. */
function tasksIn(folder: string): string[] {
  const isTask = (path: string): boolean => statSync(join(path, "task.toml"), { throwIfNoEntry: false }) !== undefined;
  if (isTask(folder)) return [folder];
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw noTasks(`${folder} is no folder`);
  const tasks = readdirSync(folder)
    .toSorted()
    .map((name) => join(folder, name))
    .filter(isTask);
  if (tasks.length === 0) throw noTasks(`${folder} holds no folder with a task.toml`);
  return tasks;
}

function noTasks(message: string): HindcastError {
  return new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
}
