// A Harbor task folder as a task of the shell world, where that can stand in for the task's image.
import { posix } from "node:path";
import { type EpisodeLimits, SeedFile, ShellSpec, WorkspaceAlias } from "../../../domain/environment-spec.ts";
import { HarborReference } from "../../../domain/task-reference.ts";
import { limits } from "../../../limits.ts";
import { gitEnvironment } from "./export-task.ts";
import { fetcherIn, type HostFacts, type ImageFacts, imageFacts, quoted, textOf, Unavailable } from "./image-facts.ts";
import { type HarborConfig, parseHarborConfig } from "./task-config.ts";
import type { HarborFolder } from "./task-folder.ts";

const workspace = "/workspace";
/** As an instruction has at most. */
const instructionCharsMax = 8_000;
const MiB = 1024 * 1024;

export interface HarborTask {
  name: string;
  instruction: string;
  environment: ShellSpec;
  reference: HarborReference;
  /** What the task asks for itself; the rest is the campaign's. */
  limits: Partial<Pick<EpisodeLimits, "wallTimeMs" | "memoryBytesMax" | "diskBytesMax">>;
  /** Files of /solution, `solve.sh` among them; null: the task brings none, so that nobody can tell whether it can be solved. */
  solution: { files: SeedFile[]; env: Record<string, string> } | null;
}

export type HarborImport = { kind: "task"; task: HarborTask } | { kind: "unavailable"; name: string; reason: string };

/** @throws PROTOCOL_INVALID, PROTOCOL_UNKNOWN_VERSION for a folder that is no task of schema 1.x */
export function importHarborTask(folder: HarborFolder, host: HostFacts): HarborImport {
  const { name, files } = folder;
  const config = parseHarborConfig(text(files, "task.toml"));
  try {
    assertRunnable(config, files);
    return { kind: "task", task: taskOf(folder, config, host) };
  } catch (error) {
    if (error instanceof Unavailable) return { kind: "unavailable", name, reason: error.message };
    throw error;
  }
}

function assertRunnable({ agent, environment, verifier, steps }: HarborConfig, files: HarborFolder["files"]): void {
  const { os, gpus, mcp_servers: servers, network_mode: network, docker_image: image, healthcheck } = environment;
  const reasons: [boolean, string][] = [
    [os !== "linux", `it needs ${os}`],
    [(gpus ?? 0) > 0, `it needs ${gpus} GPU`],
    [environment.tpu !== undefined && environment.tpu !== null, "it needs a TPU"],
    [servers.length > 0, "it brings MCP servers"],
    [network === "allowlist", `it needs the network (${(environment.allowed_hosts ?? []).join(", ")})`],
    [agent.network_mode === "allowlist", "its agent needs the network"],
    [files.has("trajectory.json"), "it goes on from a trajectory of its own"],
    [steps.length > 0, "it has several steps"],
    [healthcheck !== undefined && healthcheck !== null, "it waits for a service of its image"],
    [
      verifier.environment !== undefined || (verifier.environment_mode ?? "shared") !== "shared",
      "its verifier runs in an image of its own",
    ],
    [(verifier.collect ?? []).length > 0, "its verifier collects from services"],
    [
      [...files.keys()].some((path) => /^environment\/(docker-)?compose\.ya?ml$/.test(path)),
      "it is made of several containers",
    ],
    [image !== undefined && image !== null, `its image ${image} is not built from its folder`],
    [!files.has("environment/Dockerfile"), "it has no environment/Dockerfile"],
  ];
  const reason = reasons.find(([holds]) => holds);
  if (reason !== undefined) throw new Unavailable(reason[1]);
}

function taskOf({ name, files }: HarborFolder, config: HarborConfig, host: HostFacts): HarborTask {
  const instruction = withoutCanary(text(files, "instruction.md")).trim();
  if (instruction === "" || instruction.length > instructionCharsMax) {
    throw new Unavailable(`its instruction has ${instruction.length} characters, and 1 to ${instructionCharsMax} fit`);
  }
  const tests = below(files, "tests");
  const fetcher = tests
    .map(({ path, content }) => (path.endsWith(".sh") ? fetcherIn(content) : null))
    .find((found) => found !== null);
  if (fetcher !== undefined) throw new Unavailable(`its tests use ${fetcher}, which needs a network or root`);
  const context = new Map(
    [...files].flatMap(([path, content]) =>
      path.startsWith("environment/") ? [[path.slice(12), content] as const] : [],
    ),
  );
  const image = imageFacts(text(files, "environment/Dockerfile"), context, host);
  const { environment, verifier, agent, solution } = config;
  const { memory_mb: memoryMiB = environment.memory, storage_mb: storageMiB = environment.storage } = environment;
  const reference = HarborReference.parse({
    kind: "harbor",
    files: tests,
    timeoutMs: Math.ceil(verifier.timeout_sec * 1_000),
    env: resolved(verifier.env),
  });
  const task: HarborTask = {
    name,
    instruction,
    environment: specOf(image, { workdir: environment.workdir ?? null, env: resolved(environment.env) }),
    reference,
    limits: {
      ...(typeof agent.timeout_sec === "number" && { wallTimeMs: Math.ceil(agent.timeout_sec * 1_000) }),
      ...(typeof memoryMiB === "number" && { memoryBytesMax: Math.floor(memoryMiB * MiB) }),
      ...(typeof storageMiB === "number" && { diskBytesMax: Math.floor(storageMiB * MiB) }),
    },
    solution: files.has("solution/solve.sh") ? { files: below(files, "solution"), env: resolved(solution.env) } : null,
  };
  const bytes = Buffer.byteLength(JSON.stringify([task.environment, task.reference]));
  if (bytes <= limits.harborTaskBytesMax) return task;
  throw new Unavailable(`its files and tests have ${bytes} bytes, and ${limits.harborTaskBytesMax} fit a task`);
}

/** Marks by which a benchmark's files are found in training data are none of the agent's affairs, in Harbor neither. */
function withoutCanary(instruction: string): string {
  const lines = instruction.split("\n");
  const first = lines.findIndex((line) => !/^(<!--.*canary.*-->|#.*canary.*)$/i.test(line.trim()));
  return lines.slice(Math.max(first, 0)).join("\n");
}

/** The image's working directory is the workspace, under both names. */
function specOf(
  image: ImageFacts,
  { workdir, env }: { workdir: string | null; env: Record<string, string> },
): ShellSpec {
  const home = workdir ?? image.workingDirectory;
  const isWorkspace = home === workspace || home.startsWith(`${workspace}/`);
  const alias = isWorkspace ? null : `/${home.split("/")[1]}`;
  if (alias !== null && !WorkspaceAlias.safeParse(alias).success) {
    throw new Unavailable(`it works in ${home}, which is no folder of its own here`);
  }
  const root = alias ?? workspace;
  const files = image.files.map(({ path, content }) => {
    const inside = posix.relative(root, `/${path}`);
    if (inside.startsWith("..")) throw new Unavailable(`it puts a file at /${path}, outside ${root}`);
    return { path: inside, content };
  });
  const ofSandbox = new Set(Object.entries(gitEnvironment).map(([name, value]) => `export ${name}=${quoted(value)}`));
  const setup = [
    ...image.setup.filter((command) => !ofSandbox.has(command)),
    ...Object.entries(env)
      .filter(([name, value]) => gitEnvironment[name] !== value)
      .map(([name, value]) => `export ${name}=${quoted(value)}`),
    ...(home === image.workingDirectory ? [] : [`mkdir -p ${quoted(home)} && cd ${quoted(home)}`]),
  ].filter((command) => command !== `mkdir -p ${root} && cd ${root}`);
  const spec = ShellSpec.safeParse({ kind: "shell", files, setup, ...(alias !== null && { aliases: [alias] }) });
  if (spec.success) return spec.data;
  const [issue] = spec.error.issues;
  throw new Unavailable(`its start state does not fit a task: ${issue?.path.join(".")}: ${issue?.message}`);
}

/** Values may name variables of whoever runs Harbor (`${NAME:-otherwise}`); here nobody's are handed on. */
function resolved(variables: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name,
      value.replace(/\$\{([A-Za-z_]\w*)(:-([^}]*))?\}/g, (_, wanted: string, hasDefault?: string, otherwise = "") => {
        if (hasDefault === undefined) throw new Unavailable(`it needs the variable ${wanted} of whoever runs it`);
        return otherwise as string;
      }),
    ]),
  );
}

function below(files: HarborFolder["files"], folder: string): SeedFile[] {
  return [...files].flatMap(([path, content]) => {
    if (!path.startsWith(`${folder}/`)) return [];
    const file = SeedFile.safeParse({ path: path.slice(folder.length + 1), content: textOf(path, content) });
    if (!file.success) throw new Unavailable(`its file ${path} does not fit a task: ${file.error.issues[0]?.message}`);
    return [file.data];
  });
}

function text(files: HarborFolder["files"], path: string): string {
  return Buffer.from(files.get(path) ?? new Uint8Array()).toString("utf8");
}
