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
import { type Cures, curesOf, type Service, serviceEnvironment } from "./cures.ts";
import { openBaseRepository } from "./base-repository.ts";
import type { CacheFolder } from "./cache-folder.ts";
import { unavailable } from "./errors.ts";
import { openNodeEnvironment } from "./node-environment.ts";
import { openInterpreter, openPythonEnvironment } from "./python-environment.ts";
import { findPython, type PythonInstallation, type PythonPlaces } from "./python-installation.ts";

const setupTimeoutMs = 300_000;
const outputBytesMax = 256 * 1024;
/** Ten a second. */
const serviceTriesMax = 300;

/** Where things are inside; the same on every machine, so that logs and observations are too. */
const inside = {
  repository: "/opt/testbed/repository",
  environment: "/opt/testbed/environment",
  interpreter: "/opt/testbed/python",
  npm: "/opt/testbed/npm",
  services: "/opt/testbed/services",
  layer: "/home/agent/.environment",
  settings: "/home/agent/.build-settings",
} as const;

export interface TestbedSources {
  sandboxes: SandboxProvider;
  cache: CacheFolder;
  /** Folders of clones or bundles, or URLs. */
  repositories: readonly string[];
  pythons: PythonPlaces;
}

/** What a testbed holds. */
export type TestbedContent = Pick<SweBenchSpec, "repository" | "commit" | "environment" | "packages">;

export interface TestbedOptions extends TestbedContent {
  /** Names the sandbox. */
  id: string;
  limits: SandboxLimits;
  /** Nothing is unpacked: an image will be restored into it. @default false */
  isEmpty?: boolean;
}

interface StartedService {
  name: string;
  /** Starts it in the background of the session, and waits for it. */
  script: string;
}

type Interpreter = Pick<PythonInstallation, "version" | "executable">;

interface Contents {
  installed: Interpreter | null;
  hasPackages: boolean;
  buildSettings: Cures["buildSettings"];
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
  const { id, repository, commit, environment, packages: npm, limits, isEmpty = false } = options;
  const { sandboxes, cache, repositories: places } = sources;
  await using used = new AsyncDisposableStack();
  const base = used.use(await openBaseRepository({ repository, commit }, { places, cache }, signal));
  const mounts: SandboxMount[] = [{ source: base.path, target: inside.repository }];
  const { isNetworkSilent, services, buildSettings } = curesOf(repository);
  const python = environment === null ? null : findPython(environment.python, sources.pythons);
  if (environment !== null && python !== null) {
    const interpreter = await openInterpreter(python, cache, signal);
    if (interpreter !== null) mounts.push({ source: used.use(interpreter).path, target: inside.interpreter });
    const packages = used.use(await openPythonEnvironment(environment, python, cache, signal));
    mounts.push({ source: `${packages.path}/venv`, target: inside.environment });
    for (const service of services) {
      const served = used.use(
        await openPythonEnvironment(serviceEnvironment(service, python.version), python, cache, signal),
      );
      mounts.push({ source: `${served.path}/venv`, target: `${inside.services}/${service.name}` });
    }
  }
  if (npm !== undefined) {
    mounts.push({ source: used.use(await openNodeEnvironment(npm, cache, signal)).path, target: inside.npm });
  }
  const links = { "/testbed": "/workspace" };
  const sandbox = await sandboxes.open({ id, limits, mounts, links, isNetworkSilent }, signal);
  used.use(sandbox);
  const installed = python === null ? null : whereInside(python, mounts);
  const started = installed === null ? [] : services.map((each) => startedService(each, installed));
  const testbed = new Testbed(sandbox, started, used.move());
  return isEmpty
    ? testbed
    : await filled(testbed, { installed, hasPackages: npm !== undefined, buildSettings }, signal);
}

/** Lays what an image would bring. */
async function filled(
  testbed: Testbed,
  { installed, hasPackages, buildSettings }: Contents,
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
  if (buildSettings !== null) {
    const { variable, text } = buildSettings;
    const script = `cat > ${inside.settings} <<'EOF' && export ${variable}=${inside.settings}\n${text}EOF`;
    await mustSucceed(sandbox, script, "the build's settings could not be laid", signal);
  }
  unless.move();
  return testbed;
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

/** In a subshell where an option would outlive the command. */
const unpackRepository = `(
set -e
cd /workspace
[[ -r ${inside.repository}/.git/HEAD ]] || { echo "${inside.repository} cannot be read: is the cache in a private folder?"; exit 1; }
cp -r ${inside.repository}/.git .git
git reset --quiet --hard
rm -rf .git/logs
mkdir -p .git/info
lay_submodules() {
  local each path
  for each in "$1"/submodules/*/; do
    [[ -r $each/path ]] || continue
    path=$2/$(cat "$each/path")
    mkdir -p "$path"
    cp -r "$each/.git" "$path/.git"
    git -C "$path" reset --quiet --hard
    rm -rf "$path/.git/logs"
    lay_submodules "$each" "$path"
  done
}
lay_submodules ${inside.repository} /workspace
) && {
# Tags are gone with the history; what they say of the version is not.
[[ ! -e ${inside.repository}/version ]] || export SETUPTOOLS_SCM_PRETEND_VERSION=$(cat ${inside.repository}/version)
}`;

/**
 * A virtual environment of its own that sees the packages of the shared one, and has their programs under its own name.
 * The base packages' folder is added as a site folder, so that what its .pth files say holds too.
 */
function layEnvironment({ executable, version }: Interpreter): string {
  const packages = `lib/python${version}/site-packages`;
  return `(
set -e
base=${inside.environment} layer=${inside.layer}
${executable.startsWith(inside.interpreter) ? `export LD_LIBRARY_PATH=${inside.interpreter}/lib` : ""}
${executable} -m venv --without-pip "$layer"
echo "import site; site.addsitedir('$base/${packages}')" > "$layer/${packages}/_testbed.pth"
for program in "$base"/bin/*; do
  name=\${program##*/}
  [[ -f $program && ! -e $layer/bin/$name ]] || continue
  first=$(head -c 256 "$program" | tr -d '\\0' | head -n 1)
  case $first in
    '#!'*python*) { echo "#!$layer/bin/python"; tail -n +2 "$program"; } > "$layer/bin/$name" ;;
    # pip's form for long paths: a shell that starts Python with this same file.
    '#!/bin/sh') { echo "#!$layer/bin/python"; tail -n +4 "$program"; } > "$layer/bin/$name" ;;
    *) ln -s "$program" "$layer/bin/$name" ;;
  esac
  [[ -L $layer/bin/$name ]] || chmod 755 "$layer/bin/$name"
done
) && {
${executable.startsWith(inside.interpreter) ? `export LD_LIBRARY_PATH=${inside.interpreter}/lib` : ":"}
export VIRTUAL_ENV=${inside.layer} PATH=${inside.layer}/bin:$PATH
# What is installed here is there already, at the versions that were pinned; nothing could be fetched.
export PIP_NO_INDEX=1 PIP_NO_DEPS=1 PIP_NO_BUILD_ISOLATION=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
}`;
}

/** A link that git does not see, where the project has no such folder of its own. */
const linkPackages = `(
set -e
cd /workspace
[[ -e node_modules ]] || ln -s ${inside.npm}/node_modules node_modules
echo /node_modules >> .git/info/exclude
) && export PATH=${inside.npm}/node_modules/.bin:$PATH`;

/** Where it is stands in the session's environment. */
function startedService(
  { name, port, arguments: args, environment }: Service,
  { executable, version }: Interpreter,
): StartedService {
  const packages = `${inside.services}/${name}/lib/python${version}/site-packages`;
  const exports = Object.entries(environment).map(([variable, value]) => `export ${variable}=${value}`);
  const script = `(
PYTHONPATH=${packages} setsid ${executable} ${args} </dev/null >/tmp/.${name}.log 2>&1 &
for ((tries = 0; tries < ${serviceTriesMax}; tries++)); do
  (exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null && exit 0
  sleep 0.1
done
cat /tmp/.${name}.log
exit 1
) && {
${exports.join("\n")}
}`;
  return { name, script };
}

/** @throws ENVIRONMENT_UNAVAILABLE where root's sandboxes could not read the cache */
export function checkCachePlace(isReadableByAll: boolean, path: string): void {
  if (isReadableByAll) return;
  throw unavailable(
    `the cache ${path} lies in a folder that only its owner may enter, and sandboxes of root run as nobody: choose another with --cache, or open the folder with "chmod o+x"`,
  );
}
