// The sandbox of one instance: the repository at its base commit in /testbed, and its Python environment in front of
// PATH. The environment itself is mounted read-only and shared; what an installation adds goes into a thin writable layer.
import { HindcastError, type SweBenchSpec } from "@hindcast/shared";
import type {
  Command,
  ExecResult,
  Sandbox,
  SandboxLimits,
  SandboxMount,
  SandboxProvider,
} from "../../sandbox/sandbox.ts";
import { openBaseRepository } from "./base-repository.ts";
import { type Build, buildLimits, layBuiltTree, openBuiltTree } from "./built-tree.ts";
import type { CacheFolder } from "./cache-folder.ts";
import { clockScript } from "./clock.ts";
import { type Cures, curesOf } from "./cures.ts";
import { openDependencies } from "./dependencies/dependencies.ts";
import { unavailable } from "./errors.ts";
import { openNodeEnvironment } from "./node-environment.ts";
import { openProgramFolder } from "./program-folder.ts";
import { openPythonEnvironment } from "./python-environment.ts";
import { findPython, type PythonInstallation, type PythonPlaces } from "./python-installation.ts";
import { inside, type Interpreter, layEnvironment, linkPackages, unpackRepository } from "./testbed-scripts.ts";
import { serviceEnvironment, startScript } from "./web-service.ts";

const setupTimeoutMs = 300_000;
const outputBytesMax = 256 * 1024;

export interface TestbedSources {
  sandboxes: SandboxProvider;
  cache: CacheFolder;
  /** Folders of clones or bundles, or URLs. */
  repositories: readonly string[];
  pythons: PythonPlaces;
}

/** What a testbed holds. */
export type TestbedContent = Omit<SweBenchSpec, "kind">;

export interface TestbedOptions extends TestbedContent {
  /** Names the sandbox. */
  id: string;
  limits: SandboxLimits;
  /** Nothing is unpacked: an image will be restored into it. @default false */
  isEmpty?: boolean;
  /** What must be there to run. @default nothing */
  programs?: readonly string[];
  /** Done already at the base commit. @default what the repository is known to need */
  build?: Build | null;
}

/** What is laid after the sandbox has opened. */
interface Contents extends Pick<TestbedOptions, "clock" | "programs"> {
  installed: Interpreter | null;
  hasPackages: boolean;
  /** Of the repository's own dependencies; null where none are fetched. */
  dependencies: string | null;
  buildSettings: Cures["buildSettings"];
  isBuilt: boolean;
}

interface StartedService {
  name: string;
  script: string;
}

export class Testbed implements AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly #used: AsyncDisposable;
  readonly #services: readonly StartedService[];

  constructor(sandbox: Sandbox, services: readonly StartedService[], used: AsyncDisposable) {
    this.sandbox = sandbox;
    this.#services = services;
    this.#used = used;
  }

  /** Also after an image was restored, which holds files and the session and no process. */
  async startServices(signal: AbortSignal): Promise<void> {
    for (const { name, script } of this.#services) {
      await mustSucceed(this.sandbox, script, `${name} could not be started`, signal);
    }
  }

  /** Runs in the session, which begins in the repository. */
  run(script: string, options: Partial<Omit<Command, "script">>, signal: AbortSignal): Promise<ExecResult> {
    const command = { timeoutMs: setupTimeoutMs, outputBytesMax, outputBytesKill: outputBytesMax, ...options, script };
    return this.sandbox.exec(command, signal);
  }

  /** Closes the sandbox, then lets go of what was mounted into it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#used[Symbol.asyncDispose]();
  }
}

/**
 * Opens the sandbox, with the repository and the environment prepared where they were not yet.
 * @throws ENVIRONMENT_UNAVAILABLE, ENVIRONMENT_SETUP_FAILED, SANDBOX_UNAVAILABLE
 */
export async function openTestbed(
  options: TestbedOptions,
  sources: TestbedSources,
  signal: AbortSignal,
): Promise<Testbed> {
  const { id, repository, commit, environment, packages: npm, limits, clock, programs, isEmpty = false } = options;
  const { sandboxes, cache, repositories: places } = sources;
  await using used = new AsyncDisposableStack();
  const base = used.use(await openBaseRepository({ repository, commit }, { places, cache }, signal));
  const mounts: SandboxMount[] = [{ source: base.path, target: inside.repository }];
  const { isNetworkSilent, services, buildSettings } = curesOf(repository);
  const python = environment === null ? null : findPython(environment.python, sources.pythons);
  if (environment !== null && python !== null) {
    const interpreter = await openProgramFolder(python.prefix, cache, signal);
    const shown = interpreter === null ? [] : [{ source: used.use(interpreter).path, target: inside.interpreter }];
    mounts.push(...shown);
    const seen = { interpreter: whereInside(python, shown), mounts: shown };
    const packages = used.use(await openPythonEnvironment(environment, seen, sources, signal));
    mounts.push({ source: packages.path, target: inside.environment });
    for (const service of services) {
      const served = used.use(
        await openPythonEnvironment(serviceEnvironment(service, python.version), seen, sources, signal),
      );
      mounts.push({ source: served.path, target: `${inside.services}/${service.name}` });
    }
  }
  if (npm !== undefined) {
    mounts.push({ source: used.use(await openNodeEnvironment(npm, sources, signal)).path, target: inside.npm });
  }
  const dependencies =
    options.dependencies === undefined
      ? null
      : used.use(
          await openDependencies(options.dependencies, { repository, commit, path: base.path }, sources, signal),
        );
  if (dependencies !== null) mounts.push(...dependencies.mounts);
  const build = isEmpty ? null : buildOf(options);
  if (build !== null) {
    const place = { repository, commit, build, environments: keysOf(options) };
    // Built today: dates break tests, and builds never.
    const { clock: _, ...unbuilt } = { ...options, id: `${id}-build`, limits: buildLimits, build: null };
    const built = await openBuiltTree(place, () => openTestbed(unbuilt, sources, signal), cache, signal);
    mounts.push({ source: used.use(built).path, target: inside.built });
  }
  const links = { "/testbed": "/workspace" };
  const sandbox = await sandboxes.open({ id, limits, mounts, links, isNetworkSilent }, signal);
  used.use(sandbox);
  const installed = python === null ? null : whereInside(python, mounts);
  const started =
    installed === null ? [] : services.map((each) => ({ name: each.name, script: startScript(each, installed) }));
  const testbed = new Testbed(sandbox, started, used.move());
  if (isEmpty) return testbed;
  const contents = { installed, hasPackages: npm !== undefined, buildSettings, isBuilt: build !== null };
  const laid = { dependencies: dependencies?.script ?? null, programs: programs ?? [] };
  return await filled(testbed, { ...contents, ...laid, ...(clock === undefined ? {} : { clock }) }, signal);
}

function buildOf({ repository, environment, build }: TestbedOptions): Build | null {
  if (build !== undefined) return build;
  const { build: command } = curesOf(repository);
  // It is Python's, and the sandbox's own programs could not run it.
  return command === null || environment === null ? null : { command, isRequired: true };
}

function keysOf({ environment, packages, dependencies }: TestbedContent): string[] {
  return [environment?.key, packages?.key, dependencies].filter((key) => key !== undefined);
}

/** Lays what an image would bring. */
async function filled(
  testbed: Testbed,
  { installed, hasPackages, dependencies, buildSettings, isBuilt, clock, programs = [] }: Contents,
  signal: AbortSignal,
): Promise<Testbed> {
  const { sandbox } = testbed;
  await using unless = new AsyncDisposableStack();
  unless.use(testbed);
  await mustSucceed(sandbox, unpackRepository, "the repository could not be unpacked", signal);
  if (hasPackages) await mustSucceed(sandbox, linkPackages, "the packages could not be laid", signal);
  if (installed !== null) {
    await mustSucceed(sandbox, layEnvironment(installed), "the environment could not be laid", signal);
    await testbed.startServices(signal);
  }
  if (dependencies !== null) await mustSucceed(sandbox, dependencies, "the dependencies could not be laid", signal);
  await mustHave(sandbox, programs, signal);
  if (buildSettings !== null) {
    const { variable, text } = buildSettings;
    const script = `cat > ${inside.settings} <<'EOF' && export ${variable}=${inside.settings}\n${text}EOF`;
    await mustSucceed(sandbox, script, "the build's settings could not be laid", signal);
  }
  if (isBuilt) await mustSucceed(sandbox, layBuiltTree, "what was built could not be laid", signal);
  // Last: what is laid has today's time.
  if (clock !== undefined) await mustSucceed(sandbox, clockScript(clock), "the clock could not be set", signal);
  unless.move();
  return testbed;
}

/** @throws ENVIRONMENT_UNAVAILABLE naming the programs that are not inside */
async function mustHave(sandbox: Sandbox, programs: readonly string[], signal: AbortSignal): Promise<void> {
  if (programs.length === 0) return;
  const script = `for each in ${programs.join(" ")}; do type -P "$each" >/dev/null || echo "$each"; done`;
  const command = { script, timeoutMs: setupTimeoutMs, outputBytesMax, outputBytesKill: outputBytesMax };
  const missing = Buffer.from((await sandbox.exec(command, signal)).output)
    .toString("utf8")
    .trim();
  if (missing === "") return;
  throw unavailable(
    `its tests need ${missing.replaceAll("\n", ", ")}, which no sandbox has here: install them below /usr`,
  );
}

/** The interpreter as the sandbox sees it. */
function whereInside({ version, executable }: PythonInstallation, mounts: readonly SandboxMount[]): Interpreter {
  const isCopied = mounts.some(({ target }) => target === inside.interpreter);
  return { version, executable: isCopied ? `${inside.interpreter}/bin/python${version}` : executable };
}

async function mustSucceed(sandbox: Sandbox, script: string, what: string, signal: AbortSignal): Promise<void> {
  const command = { script, timeoutMs: setupTimeoutMs, outputBytesMax, outputBytesKill: 16 * outputBytesMax };
  const { exitCode, killed, output } = await sandbox.exec(command, signal);
  if (exitCode === 0) return;
  const said = Buffer.from(output).toString("utf8").trim().slice(-1_000);
  const end = killed === null ? `exit code ${exitCode}` : `killed: ${killed}`;
  throw new HindcastError({
    code: "ENVIRONMENT_SETUP_FAILED",
    boundary: "environment",
    message: `${what} (${end}): ${said}`,
  });
}

/** @throws ENVIRONMENT_UNAVAILABLE where root's sandboxes could not read the cache */
export function checkCachePlace(isReadableByAll: boolean, path: string): void {
  if (isReadableByAll) return;
  throw unavailable(
    `the cache ${path} lies in a folder that only its owner may enter, and sandboxes of root run as nobody: choose another with --cache, or open the folder with "chmod o+x"`,
  );
}
