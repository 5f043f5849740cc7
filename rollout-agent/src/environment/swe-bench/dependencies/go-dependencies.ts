// Go: `go mod download` fills a module cache that is read and never written inside. It runs nothing of the modules.
import { fetchedInside } from "../fetch-inside.ts";
import { mustRun } from "../host-program.ts";
import { openProgramFolder } from "../program-folder.ts";
import { goRegistries } from "../registries/go-registries.ts";
import { filesOf } from "./base-tree.ts";
import { dependenciesInside, type DependencySource, toolchainInside } from "./dependency-source.ts";

/** The Go that is here, whichever a repository asks for: another would be fetched. */
const environment = { GOTOOLCHAIN: "local" };
/** Go's own folders cannot be written, and so not be removed by anybody but root. */
const fetching = `export GOTOOLCHAIN=local GOFLAGS=-modcacherw GOMODCACHE=${fetchedInside}/modules
go mod download`;

export const go: DependencySource = {
  isManifest: (path) => /(^|\/)(go\.(mod|sum|work)|vendor\/modules\.txt)$/.test(path),

  client: goRegistries,

  async plan(tree, signal) {
    const files = await filesOf(tree, signal);
    return !files.has("go.mod") || files.has("vendor/modules.txt")
      ? { script: null, note: "nothing to fetch" }
      : { script: fetching, note: "as go.sum says" };
  },

  async inside(cache, signal) {
    const options = { timeoutMs: 60_000, cwd: "/", environment };
    const root = (await mustRun(["go", "env", "GOROOT"], options, signal)).trim();
    const toolchain = await openProgramFolder(root, cache, signal);
    const programs = `${toolchain === null ? root : toolchainInside}/bin`;
    return {
      mounts: toolchain === null ? [] : [{ source: toolchain.path, target: toolchainInside }],
      ...(toolchain === null ? {} : { used: toolchain }),
      programs,
      // Versions and sums were checked as they were fetched. The vet of a newer Go refuses to build, or breaks on, what the
      // project's own passed.
      script: `export PATH=${programs}:$PATH GOMODCACHE=${dependenciesInside}/modules GOPROXY=off GOSUMDB=off GOTOOLCHAIN=local GOFLAGS="-buildvcs=false -vet=off"`,
    };
  },
};
