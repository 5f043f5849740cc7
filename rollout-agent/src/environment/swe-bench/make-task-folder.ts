import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MakeTasksRequest, VerificationEvent } from "@hindcast/shared/node";
import type { SandboxProvider } from "../../sandbox/sandbox.ts";
import { makeTasks } from "./make-tasks.ts";
import { openPackageRepository } from "./packages/package-repository.ts";
import { openSources } from "./sources.ts";
import type { TaskAuthor } from "./task-author.ts";
import type { TestbedSources } from "./testbed.ts";

export interface TaskMaking {
  request: MakeTasksRequest;
  sandboxes: SandboxProvider;
  searchPath: string;
  /** Null: no model is asked. */
  author: TaskAuthor | null;
  onEvent: (event: VerificationEvent) => void;
}

/** Writes what `hindcast bench swe-bench verify` reads: the instances, their pins and the repository with the bugs. */
export async function makeTaskFolder(
  { request, sandboxes, searchPath, author, onEvent }: TaskMaking,
  signal: AbortSignal,
): Promise<void> {
  const { out, source, memoryBytesMax, diskBytesMax, processesMax } = request;
  const opened = openSources({ ...request, searchPath }, sandboxes);
  await using project = await openProject(source, opened, signal);
  const { repository, commit } = project;
  const sources = { ...opened, repositories: project.places };
  const repositories = join(out, "repositories");
  onEvent({ event: "started", instances: request.count });
  const instances = await makeTasks(
    {
      ...request,
      repository,
      commit,
      author,
      limits: { memoryBytesMax, diskBytesMax, processesMax },
      outputRepository: join(repositories, `${repository.replace("/", "__")}.git`),
      onTask: ({ instance_id: instanceId, FAIL_TO_PASS: failToPass, PASS_TO_PASS: passToPass }) =>
        onEvent({ event: "task", instanceId, failToPass: failToPass.length, passToPass: passToPass.length }),
    },
    sources,
    signal,
  );
  mkdirSync(out, { recursive: true });
  const file = join(out, "tasks.jsonl");
  const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  writeFileSync(file, lines(instances));
  writeFileSync(join(out, "pins.jsonl"), lines(instances.flatMap(({ instance_id }) => pinsOf(instance_id, request))));
  if (author !== null) onEvent({ event: "asked", ...author.costs });
  onEvent({ event: "made", tasks: instances.length, file, repositories });
}

/** The commit that was named, or the one that a package's archive is made into. */
async function openProject(
  source: MakeTasksRequest["source"],
  sources: TestbedSources,
  signal: AbortSignal,
): Promise<{ repository: string; commit: string; places: readonly string[] } & AsyncDisposable> {
  if (source.kind === "commit") {
    return { ...source, places: sources.repositories, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  return await openPackageRepository(source, sources, signal);
}

/** As `readEnvironmentPins` and `readNodePins` read them. */
function pinsOf(instance_id: string, { environment, packages }: MakeTasksRequest): object[] {
  const rows: object[] = [];
  if (environment !== null) {
    const { python, packages: pip, optionalPackages } = environment;
    const conda = Object.fromEntries(optionalPackages.map((each) => each.split("==") as [string, string]));
    rows.push({ instance_id, python, pip, conda_python_packages: conda });
  }
  if (packages !== null) rows.push({ instance_id, npm: packages.packages });
  return rows;
}
