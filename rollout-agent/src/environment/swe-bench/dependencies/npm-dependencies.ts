// JavaScript: npm, pnpm or Yarn, whichever the repository has a lock file of. No install script of a package runs; settings
// and plug-ins of the project's own do, in the sandbox that fetches.
import { z } from "zod";
import { fetchedInside } from "../fetch-inside.ts";
import { npmFlags, npmRegistries } from "../registries/npm-registries.ts";
import { type BaseTree, commitTime, fileAt, filesOf } from "./base-tree.ts";
import { dependenciesInside, type DependencySource, type FetchPlan } from "./dependency-source.ts";

const Manifest = z.object({
  packageManager: z.string().optional(),
  workspaces: z.unknown().optional(),
  dependencies: z.record(z.string(), z.string()).default({}),
  devDependencies: z.record(z.string(), z.string()).default({}),
});
type Manifest = z.infer<typeof Manifest>;

/** npm's name of the program, where another than npm installs. */
const classicYarn = "yarn@1.22.22";
const yarnEnvironment = {
  YARN_IGNORE_PATH: "1",
  YARN_NODE_LINKER: "node-modules",
  YARN_ENABLE_SCRIPTS: "false",
  YARN_ENABLE_TELEMETRY: "0",
};
const assignments = (variables: Readonly<Record<string, string>>): string =>
  Object.entries(variables)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");

export const npm: DependencySource = {
  isManifest: (path) =>
    /(^|\/)(package\.json|package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|pnpm-workspace\.yaml|\.npmrc|\.yarnrc(\.yml)?)$/.test(
      path,
    ),

  client: npmRegistries,

  async plan(tree, signal) {
    const files = await filesOf(tree, signal);
    if (!files.has("package.json")) return { script: keeping(false), note: "no package.json" };
    const manifest = Manifest.parse(JSON.parse(await fileAt(tree, "package.json", signal)));
    const { script, note } = await installing(tree, { manifest, files }, signal);
    const isWorkspace = files.has("pnpm-workspace.yaml") || manifest.workspaces !== undefined;
    return { script: `${script ?? ""}\n${keeping(isWorkspace)}`, note };
  },

  inside: () =>
    Promise.resolve({
      mounts: [],
      script: `(
set -e
echo node_modules >> .git/info/exclude
if [[ -e ${dependenciesInside}/is-one ]]; then ln -s ${dependenciesInside}/modules/node_modules node_modules
else cp -a ${dependenciesInside}/modules/. .; fi
) && export PATH=${dependenciesInside}/programs/node_modules/.bin:$PWD/node_modules/.bin:$PATH ${assignments({
        ...yarnEnvironment,
        YARN_ENABLE_NETWORK: "false",
      })}
# Karma looks for it, and would have been given one by an install script. Debian's launcher reads a folder of /etc that is not inside.
export CHROME_BIN=$(type -P /usr/lib/chromium/chromium chromium | head -n 1)`,
    }),
};

/** Links between a project's own packages only hold inside it: then the folders are copied, and otherwise one is linked. */
const keeping = (isWorkspace: boolean): string => `mkdir -p ${fetchedInside}/modules
find . -name .git -prune -o -type d -name node_modules -prune -print > /tmp/.folders
while IFS= read -r folder; do
  mkdir -p "${fetchedInside}/modules/$(dirname "$folder")"
  mv "$folder" "${fetchedInside}/modules/$folder"
done < /tmp/.folders
if [[ -e .yarn/install-state.gz ]]; then
  mkdir -p ${fetchedInside}/modules/.yarn
  mv .yarn/install-state.gz ${fetchedInside}/modules/.yarn/
fi
${isWorkspace ? "" : `[[ $(< /tmp/.folders) != ./node_modules ]] || touch ${fetchedInside}/is-one`}`;

async function installing(
  tree: BaseTree,
  { manifest, files }: { manifest: Manifest; files: ReadonlyMap<string, string> },
  signal: AbortSignal,
): Promise<FetchPlan> {
  const [, manager = "", version = ""] = /^(pnpm|yarn)@([\w.-]+)/.exec(manifest.packageManager ?? "") ?? [];
  if (files.has("pnpm-lock.yaml")) {
    const flags = "--frozen-lockfile --ignore-scripts --ignore-pnpmfile --package-import-method=copy";
    const pnpm = installer(`pnpm@${manager === "pnpm" ? version : "9"}`, "pnpm");
    return { script: `${pnpm} install ${flags} --store-dir=/tmp/.store`, note: "as pnpm-lock.yaml says" };
  }
  if (files.has("yarn.lock")) {
    const isClassic = /^# yarn lockfile v1$/m.test(await fileAt(tree, "yarn.lock", signal));
    const modern = manager === "yarn" && !version.startsWith("1.") ? version : "3.8.7";
    const yarn = installer(isClassic ? classicYarn : `@yarnpkg/cli-dist@${modern}`, "yarn");
    const argv = isClassic ? "--frozen-lockfile --ignore-scripts --non-interactive" : "--immutable";
    const environment = {
      ...yarnEnvironment,
      YARN_ENABLE_GLOBAL_CACHE: "false",
      YARN_CACHE_FOLDER: "/tmp/.yarn-cache",
    };
    return { script: `export ${assignments(environment)}\n${yarn} install ${argv}`, note: "as yarn.lock says" };
  }
  const names = [manifest.dependencies, manifest.devDependencies].flatMap(Object.keys);
  const isEmpty = names.length === 0 && manifest.workspaces === undefined;
  // As it would have been on the commit's day.
  const unlocked = `npm install --legacy-peer-deps --before=${await commitTime(tree, signal)} ${npmFlags}`;
  const asLocked = `npm ci ${npmFlags}`;
  if (!files.has("package-lock.json") && !files.has("npm-shrinkwrap.json")) {
    return isEmpty
      ? { script: null, note: "no dependencies" }
      : { script: unlocked, note: "as package.json said on its day" };
  }
  const otherwise = isEmpty ? "true" : unlocked;
  return {
    script: `${asLocked} || ${otherwise}`,
    note: "as package-lock.json says, or package.json where it does not fit",
  };
}

/** Installs the program that installs, and which tests are started with; then begins a line with it. */
function installer(requirement: string, name: string): string {
  const folder = `${fetchedInside}/programs`;
  return `mkdir -p ${folder}
(cd ${folder} && npm install --prefix ${folder} ${npmFlags} ${requirement})
${folder}/node_modules/.bin/${name}`;
}
