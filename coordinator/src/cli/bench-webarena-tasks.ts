// Which tasks a `hindcast bench webarena` command is about, and where their sites are.
import { HindcastError, messageOf, WebArenaSite } from "@hindcast/shared";
import {
  readBrowserGymMetadata,
  readSubset,
  readWebArenaTasks,
  SiteUrls,
  type AnyWebArenaTask,
  type TaskMetadata,
} from "@hindcast/shared/node";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

export interface BenchOptions {
  tasks: string;
  subset?: string;
  split?: string;
  metadata?: string;
  sites?: string;
  site?: string[];
}

/** The chosen tasks of a file, and where their sites are. */
export interface ChosenTasks {
  file: string;
  read: AnyWebArenaTask;
  sites: SiteUrls;
  metadata: TaskMetadata[] | null;
}

export async function chosenTasks(options: BenchOptions, workingDirectory: string): Promise<ChosenTasks> {
  const path = (file: string): string => resolve(workingDirectory, file);
  const read = await readWebArenaTasks(path(options.tasks));
  const metadata = options.metadata === undefined ? null : await readBrowserGymMetadata(path(options.metadata));
  const wanted = new Set(read.tasks.map(({ task_id: id }) => id));
  if (options.subset !== undefined) {
    const subset = new Set(await readSubset(path(options.subset)));
    for (const id of wanted) if (!subset.has(id)) wanted.delete(id);
  }
  if (options.split !== undefined) {
    const split = splitOf(options.split, metadata);
    for (const id of wanted) if (!split.has(id)) wanted.delete(id);
  }
  const only = <T extends { task_id: number }>(tasks: readonly T[]): T[] =>
    tasks.filter(({ task_id: id }) => wanted.has(id));
  return {
    file: options.tasks,
    read:
      read.benchmark === "webarena"
        ? { benchmark: "webarena", tasks: only(read.tasks) }
        : { benchmark: "webarena-verified", tasks: only(read.tasks) },
    sites: await siteUrls(options, workingDirectory),
    metadata,
  };
}

function splitOf(name: string, metadata: TaskMetadata[] | null): Set<number> {
  if (metadata === null) throw usage("--split needs --metadata <file>, which says what is in it");
  if (name !== "train" && name !== "test") throw usage(`--split is train or test, not "${name}"`);
  return new Set(metadata.filter(({ split }) => split === name).map(({ taskId }) => taskId));
}

async function siteUrls({ sites, site = [] }: BenchOptions, workingDirectory: string): Promise<SiteUrls> {
  const fromFile: unknown = sites === undefined ? {} : await jsonFile(resolve(workingDirectory, sites));
  const fromFlags = site.map((text) => {
    const at = text.indexOf("=");
    if (at < 1) throw usage(`--site is <name>=<url>, not "${text}"`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
  const parsed = SiteUrls.safeParse({ ...(fromFile as object), ...Object.fromEntries(fromFlags) });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const known = WebArenaSite.options.join(", ");
  throw usage(`site URLs: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}; the sites are ${known}`);
}

async function jsonFile(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw usage(`${path} cannot be read: ${messageOf(error)}`);
  }
}

export function usage(message: string): HindcastError {
  return new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
}
