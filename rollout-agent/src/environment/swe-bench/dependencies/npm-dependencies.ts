// JavaScript: npm, pnpm or Yarn, whichever the repository has a lock file of. No install script of a package runs; settings
// and plug-ins of the project's own do, as they do where upstream's images are built.
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { mustRun, type ProgramOptions, runProgram } from "../host-program.ts";
import { type BaseTree, checkOut, commitTime } from "./base-tree.ts";
import { dependenciesInside, type DependencySource, fetchTimeoutMs } from "./dependency-source.ts";

const Manifest = z.object({
  packageManager: z.string().optional(),
  workspaces: z.unknown().optional(),
  dependencies: z.record(z.string(), z.string()).default({}),
  devDependencies: z.record(z.string(), z.string()).default({}),
});

/** npm's name of the program, where another than npm installs. */
const classicYarn = "yarn@1.22.22";
const npmFlags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
const yarnEnvironment = {
  YARN_IGNORE_PATH: "1",
  YARN_NODE_LINKER: "node-modules",
  YARN_ENABLE_SCRIPTS: "false",
  YARN_ENABLE_TELEMETRY: "0",
};

export const npm: DependencySource = {
  isManifest: (path) =>
    /(^|\/)(package\.json|package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|pnpm-workspace\.yaml|\.npmrc|\.yarnrc(\.yml)?)$/.test(
      path,
    ),

  async fetch(tree, path, signal) {
    const project = join(path, "tree");
    mkdirSync(join(path, "modules"));
    await checkOut(tree, project, signal);
    const note = await install(tree, { path, project }, signal);
    // Links between a project's own packages only hold inside it: then the folders are copied, and otherwise one is linked.
    const folders = globSync("**/node_modules", { cwd: project, exclude: (name) => /node_modules./.test(name) }).filter(
      (name) => !/node_modules[/\\].*node_modules/.test(name),
    );
    for (const folder of folders) {
      const to = join(path, "modules", folder);
      mkdirSync(dirname(to), { recursive: true });
      renameSync(join(project, folder), to);
    }
    const state = join(project, ".yarn", "install-state.gz");
    if (existsSync(state)) {
      mkdirSync(join(path, "modules", ".yarn"));
      renameSync(state, join(path, "modules", ".yarn", "install-state.gz"));
    }
    if (folders.length === 1 && folders[0] === "node_modules" && !isWorkspace(project)) {
      writeFileSync(join(path, "is-one"), "");
    }
    await mustRun(["rm", "-rf", project], { timeoutMs: fetchTimeoutMs }, signal);
    return note;
  },

  inside: () =>
    Promise.resolve({
      mounts: [],
      script: `(
set -e
echo node_modules >> .git/info/exclude
if [[ -e ${dependenciesInside}/is-one ]]; then ln -s ${dependenciesInside}/modules/node_modules node_modules
else cp -a ${dependenciesInside}/modules/. .; fi
) && export PATH=${dependenciesInside}/programs/node_modules/.bin:$PWD/node_modules/.bin:$PATH ${Object.entries({
        ...yarnEnvironment,
        YARN_ENABLE_NETWORK: "false",
      })
        .map(([name, value]) => `${name}=${value}`)
        .join(" ")}`,
    }),
};

const isWorkspace = (project: string): boolean =>
  existsSync(join(project, "pnpm-workspace.yaml")) || manifestOf(project)?.workspaces !== undefined;

function manifestOf(project: string): z.infer<typeof Manifest> | null {
  const file = join(project, "package.json");
  return existsSync(file) ? Manifest.parse(JSON.parse(readFileSync(file, "utf8"))) : null;
}

async function install(
  tree: BaseTree,
  { path, project }: { path: string; project: string },
  signal: AbortSignal,
): Promise<string> {
  const manifest = manifestOf(project);
  const has = (name: string): boolean => existsSync(join(project, name));
  if (manifest === null) return "no package.json";
  const options = { timeoutMs: fetchTimeoutMs, cwd: project };
  const named = manifest.packageManager?.split("+")[0];
  if (has("pnpm-lock.yaml")) {
    const pnpm = await installer(named?.startsWith("pnpm@") === true ? named : "pnpm@9", "pnpm", path, signal);
    const store = join(path, "store");
    const flags = ["--frozen-lockfile", "--ignore-scripts", "--ignore-pnpmfile", "--package-import-method=copy"];
    await mustRun([pnpm, "install", ...flags, `--store-dir=${store}`], options, signal);
    await mustRun(["rm", "-rf", store], options, signal);
    return "as pnpm-lock.yaml says";
  }
  if (has("yarn.lock")) return await installWithYarn({ path, project, named, options }, signal);
  const isLocked = has("package-lock.json") || has("npm-shrinkwrap.json");
  if (isLocked && (await runProgram(["npm", "ci", ...npmFlags], options, signal)).exitCode === 0) {
    return "as package-lock.json says";
  }
  const names = [manifest.dependencies, manifest.devDependencies].flatMap(Object.keys);
  if (names.length === 0 && manifest.workspaces === undefined) return "no dependencies";
  // As it would have been on the commit's day.
  const before = `--before=${await commitTime(tree, signal)}`;
  await mustRun(["npm", "install", "--legacy-peer-deps", before, ...npmFlags], options, signal);
  return "as package.json said on its day";
}

interface YarnInstallation {
  path: string;
  project: string;
  named: string | undefined;
  options: ProgramOptions;
}

async function installWithYarn(
  { path, project, named, options }: YarnInstallation,
  signal: AbortSignal,
): Promise<string> {
  const isClassic = /^# yarn lockfile v1$/m.test(readFileSync(join(project, "yarn.lock"), "utf8"));
  const version = named?.startsWith("yarn@") === true && !named.startsWith("yarn@1.") ? named.slice(5) : "3.8.7";
  const yarn = await installer(isClassic ? classicYarn : `@yarnpkg/cli-dist@${version}`, "yarn", path, signal);
  const cache = join(path, "yarn-cache");
  const argv = isClassic
    ? ["install", "--frozen-lockfile", "--ignore-scripts", "--non-interactive", "--cache-folder", cache]
    : ["install", "--immutable"];
  const environment = { ...yarnEnvironment, YARN_ENABLE_GLOBAL_CACHE: "false", YARN_CACHE_FOLDER: cache };
  await mustRun([yarn, ...argv], { ...options, environment }, signal);
  await mustRun(["rm", "-rf", cache], options, signal);
  return "as yarn.lock says";
}

/** The program that installs, and which tests are started with. */
async function installer(requirement: string, name: string, path: string, signal: AbortSignal): Promise<string> {
  const folder = join(path, "programs");
  mkdirSync(folder);
  const argv = ["npm", "install", "--prefix", folder, ...npmFlags, requirement];
  await mustRun(argv, { timeoutMs: fetchTimeoutMs, cwd: folder }, signal);
  return join(folder, "node_modules", ".bin", name);
}
