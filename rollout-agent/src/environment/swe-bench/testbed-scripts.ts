// What is run inside a fresh testbed to fill it.
import { standInList } from "./lost-files.ts";
import type { PythonInstallation } from "./python-installation.ts";

/** Where things are inside; the same on every machine, so that logs and observations are too. */
export const inside = {
  repository: "/opt/testbed/repository",
  environment: "/opt/testbed/environment",
  interpreter: "/opt/testbed/python",
  npm: "/opt/testbed/npm",
  services: "/opt/testbed/services",
  layer: "/home/agent/.environment",
  settings: "/home/agent/.build-settings",
  built: "/opt/testbed/built",
} as const;

export type Interpreter = Pick<PythonInstallation, "version" | "executable">;

/** In a subshell where an option would outlive the command. */
export const unpackRepository = `(
set -e
cd /workspace
[[ -r ${inside.repository}/.git/HEAD ]] || { echo "${inside.repository} cannot be read: is the cache in a private folder?"; exit 1; }
cp -r ${inside.repository}/.git .git
git reset --quiet --hard
# Another edition than the commit's is in its place, which is no change of anybody's.
[[ ! -e ${inside.repository}/${standInList} ]] || git update-index --skip-worktree --stdin < ${inside.repository}/${standInList}
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

/** Bash for an interpreter that lies elsewhere than it was built for; until 3.7 what is compiled for it is linked with it, too. */
export function findLibraries(executable: string): string {
  const folder = `${inside.interpreter}/lib`;
  return executable.startsWith(inside.interpreter) ? `export LD_LIBRARY_PATH=${folder} LIBRARY_PATH=${folder}` : ":";
}

/**
 * A virtual environment of its own that sees the packages of the shared one, and has their programs under its own name.
 * The base packages' folder is added as a site folder, so that what its .pth files say holds too.
 */
export function layEnvironment({ executable, version }: Interpreter): string {
  const packages = `lib/python${version}/site-packages`;
  return `(
set -e
base=${inside.environment} layer=${inside.layer}
${findLibraries(executable)}
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
${findLibraries(executable)}
export VIRTUAL_ENV=${inside.layer} PATH=${inside.layer}/bin:$PATH
# What is installed here is there already, at the versions that were pinned; nothing could be fetched.
export PIP_NO_INDEX=1 PIP_NO_DEPS=1 PIP_NO_BUILD_ISOLATION=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# What a setuptools before 64 would install in place lies on Python's path; newer ones have a hook, which not all tests know.
! grep -Eqs 'setuptools *(~=|==|<=?) *([1-5]?[0-9]|6[0-3])\\b' /workspace/pyproject.toml || export SETUPTOOLS_ENABLE_FEATURES=legacy-editable
}`;
}

/** A link that git does not see, where the project has no such folder of its own. */
export const linkPackages = `(
set -e
cd /workspace
[[ -e node_modules ]] || ln -s ${inside.npm}/node_modules node_modules
echo /node_modules >> .git/info/exclude
) && export PATH=${inside.npm}/node_modules/.bin:$PATH`;

/** Long ago for every file of the project: what a build left is newer, and what a patch changes is newest. */
export const ageFiles = `find /workspace -name .git -prune -o \\( -type f -o -type l \\) -exec touch -h -d @1000000000 {} +`;
