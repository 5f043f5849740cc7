// Go: `go mod download` fills a module cache that is read and never written inside. It runs nothing of the modules.
import { join } from "node:path";
import { mustRun } from "../host-program.ts";
import { openProgramFolder } from "../program-folder.ts";
import { checkOut, filesOf } from "./base-tree.ts";
import { dependenciesInside, type DependencySource, fetchTimeoutMs, toolchainInside } from "./dependency-source.ts";

/** The Go that is here, whichever a repository asks for: another would be fetched. */
const environment = { GOTOOLCHAIN: "local" };

export const go: DependencySource = {
  isManifest: (path) => /(^|\/)(go\.(mod|sum|work)|vendor\/modules\.txt)$/.test(path),

  async fetch(tree, path, signal) {
    const files = await filesOf(tree, signal);
    if (!files.has("go.mod") || files.has("vendor/modules.txt")) return "nothing to fetch";
    const project = join(path, "tree");
    await checkOut(tree, project, signal);
    const options = {
      timeoutMs: fetchTimeoutMs,
      cwd: project,
      // Go's own folders cannot be written, and so not be removed by anybody but root.
      environment: { ...environment, GOMODCACHE: join(path, "modules"), GOFLAGS: "-modcacherw" },
    };
    await mustRun(["go", "mod", "download"], options, signal);
    await mustRun(["rm", "-rf", project], options, signal);
    return "as go.sum says";
  },

  async inside(_path, cache, signal) {
    const options = { timeoutMs: 60_000, cwd: "/", environment };
    const root = (await mustRun(["go", "env", "GOROOT"], options, signal)).trim();
    const toolchain = await openProgramFolder(root, cache, signal);
    const at = toolchain === null ? root : toolchainInside;
    return {
      mounts: toolchain === null ? [] : [{ source: toolchain.path, target: toolchainInside }],
      ...(toolchain === null ? {} : { used: toolchain }),
      // Versions and sums were checked as they were fetched.
      script: `export PATH=${at}/bin:$PATH GOMODCACHE=${dependenciesInside}/modules GOPROXY=off GOSUMDB=off GOTOOLCHAIN=local GOFLAGS=-buildvcs=false`,
    };
  },
};
