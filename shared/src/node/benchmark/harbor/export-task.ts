// A task of the shell world as a Harbor task folder. An end state is judged there as it is here: from the same start, the
// reference commands lead to the files that are right.
import type { EpisodeLimits, SeedFile, ShellSpec } from "../../../domain/environment-spec.ts";
import type { EndStateReference, HarborReference } from "../../../domain/task-reference.ts";
import { quoted } from "./image-facts.ts";
import { formatHarborConfig } from "./task-config.ts";
import type { HarborFolder } from "./task-folder.ts";

export interface ExportedTask {
  /** A folder's name. */
  name: string;
  instruction: string;
  environment: ShellSpec;
  reference: EndStateReference | HarborReference;
  limits: Pick<EpisodeLimits, "wallTimeMs" | "memoryBytesMax" | "diskBytesMax">;
  /** What the image is based on. @default buildpack-deps:bookworm */
  base?: string;
  /** Below /solution, `solve.sh` among them. @default the commands of an end state, and none for a verifier */
  solution?: readonly SeedFile[];
}

/** Has git, Python and the usual programs, as the sandbox does. */
const plainBase = "buildpack-deps:bookworm";
const workspace = "/workspace";
const verifierSeconds = 600;

/** As in the sandbox: equal commits are the same commits, and nobody is asked for a name. */
export const gitEnvironment: Readonly<Record<string, string>> = {
  GIT_AUTHOR_DATE: "1767225600 +0000",
  GIT_COMMITTER_DATE: "1767225600 +0000",
  GIT_CONFIG_COUNT: "3",
  GIT_CONFIG_KEY_0: "user.name",
  GIT_CONFIG_VALUE_0: "Agent",
  GIT_CONFIG_KEY_1: "user.email",
  GIT_CONFIG_VALUE_1: "agent@sandbox.invalid",
  GIT_CONFIG_KEY_2: "init.defaultBranch",
  GIT_CONFIG_VALUE_2: "main",
};
const MiB = 1024 * 1024;

export function exportHarborTask(task: ExportedTask): HarborFolder {
  const { name, instruction, environment } = task;
  const home = environment.aliases?.[0] ?? workspace;
  const texts: [path: string, text: string][] = [
    ["instruction.md", `${instruction.trimEnd()}\n`],
    ["task.toml", configOf(task)],
    ["environment/Dockerfile", dockerfileOf(task, home)],
    ...environment.files.map(({ path, content }): [string, string] => [`environment/files/${path}`, content]),
    ...testsOf(task, home),
    ...solutionOf(task, home).map(({ path, content }): [string, string] => [`solution/${path}`, content]),
  ];
  return { name, files: new Map(texts.map(([path, text]) => [path, Buffer.from(text)])) };
}

function solutionOf({ reference, solution }: ExportedTask, home: string): readonly SeedFile[] {
  if (solution !== undefined) return solution;
  if (!("commands" in reference)) return [];
  return [{ path: "solve.sh", content: script(`cd ${home}`, ...reference.commands) }];
}

function configOf({ reference, limits }: ExportedTask): string {
  const isOwn = !("commands" in reference);
  return formatHarborConfig({
    schema_version: "1.4",
    metadata: { source: "hindcast" },
    agent: { timeout_sec: limits.wallTimeMs / 1_000 },
    verifier: {
      timeout_sec: isOwn ? reference.timeoutMs / 1_000 : verifierSeconds,
      env: isOwn ? reference.env : {},
    },
    environment: {
      network_mode: "no-network",
      memory_mb: Math.ceil(limits.memoryBytesMax / MiB),
      storage_mb: Math.ceil(limits.diskBytesMax / MiB),
    },
  });
}

function dockerfileOf({ base = plainBase, environment: { files, setup } }: ExportedTask, home: string): string {
  const lines = [
    `FROM ${base}`,
    // Before the commands: the image's own commits are made by somebody, too.
    ...Object.entries(gitEnvironment).map(([name, value]) => `ENV ${name}=${JSON.stringify(value)}`),
    `WORKDIR ${home}`,
    ...(files.length === 0 ? [] : [`COPY files/ ${home}/`]),
    // Commands of one session: later ones rely on the folder and the variables of earlier ones.
    ...(setup.length === 0 ? [] : [`RUN ${JSON.stringify(["bash", "-c", oneSession(setup)])}`]),
  ];
  return `${lines.join("\n")}\n`;
}

/** Commands one after the other in one shell, each of which must succeed; a single one as it stands. */
function oneSession(commands: readonly string[]): string {
  return commands.length === 1 ? (commands[0] ?? "") : commands.map((command) => `{\n${command}\n}`).join(" && ");
}

function testsOf({ environment, reference }: ExportedTask, home: string): [string, string][] {
  if (!("commands" in reference)) {
    return reference.files.map(({ path, content }): [string, string] => [`tests/${path}`, content]);
  }
  return [
    ["tests/test.sh", endStateTest(home)],
    ["tests/start.sh", script(`cd ${home}`, ...environment.setup)],
    ["tests/reference.sh", script(...reference.commands)],
    ...environment.files.map(({ path, content }): [string, string] => [`tests/start/${path}`, content]),
  ];
}

function script(...commands: string[]): string {
  return `#!/bin/bash\n${oneSession(commands)}\n`;
}

/** What was reached is listed and put aside; then the start state and the reference commands make what is right. */
function endStateTest(home: string): string {
  const folder = quoted(home);
  return String.raw`#!/bin/bash
# Success is an end state: the files that the reference commands leave behind, from the same start.
mkdir -p /logs/verifier
export LC_ALL=C
listing() {
  find ${folder} -mindepth 1 -path '*/.git/index' -prune -o -printf '%P %y %m %l\n' | sort
  find ${folder} -path '*/.git/index' -prune -o -type f -print0 | sort -z | xargs -0 -r sha256sum
  find ${folder} -type d -name .git -prune -print0 | sort -z | xargs -0 -r -I{} git --git-dir={} ls-files --stage
}
listing > /tmp/reached.txt
cd / && find ${folder} -mindepth 1 -delete
if [ -d /tests/start ]; then cp -R /tests/start/. ${folder}/; fi
if . /tests/start.sh > /tmp/start.txt 2>&1 && . /tests/reference.sh > /tmp/reference.txt 2>&1; then
  cd / && listing > /tmp/expected.txt
  diff /tmp/expected.txt /tmp/reached.txt && reward=1 || reward=0
  echo $reward > /logs/verifier/reward.txt
else
  # No verdict: without a reward file the trial is an error, not a failure.
  cat /tmp/start.txt /tmp/reference.txt
fi
`;
}
