// A program of others that is built once from its Go module and kept where the local cluster's nats-server is kept.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { childEnvironment, findOnPath } from "../local/processes.mjs";

/**
 * @param {{ image: string, name: string, module: string, version: string, go: string }} tool image: what it is built for;
 *   name: what its file in the cache begins with; go: the Go that the module asks for, which an older one fetches
 * @returns its path, or null where it cannot be built, with the reason in the output
 */
export function goTool({ image, name, module, version, go: goVersion }) {
  const path = placeOf(name, version);
  const go = findOnPath("go");
  if (existsSync(path)) return path;
  if (go === null) {
    console.log(`${image}: left out, because Go, which builds it, is not on PATH`);
    return null;
  }
  const program = basename(module);
  console.log(`${image}: building ${program} ${version} (once; some minutes)`);
  const cache = join(path, "..");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "build-"));
  try {
    // `go install` asks for the list of all versions first, which a mirror of some modules need not have.
    const lines = ["module build", `go ${goVersion}`, `require ${rootOf(module)} v${version}`];
    writeFileSync(join(folder, "go.mod"), `${lines.join("\n\n")}\n`);
    const env = { ...childEnvironment(), CGO_ENABLED: "0", GOFLAGS: "-mod=mod" };
    execFileSync(go, ["build", "-trimpath", "-o", program, module], {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
      env,
    });
    renameSync(join(folder, program), path);
  } catch (error) {
    console.log(`${image}: left out, because ${module}@v${version} could not be built: ${error.message}`);
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return path;
}

/** Of a program's package: `github.com/owner/name`. */
const rootOf = (module) => module.split("/").slice(0, 3).join("/");

/** As coordinator/src/local/binary-options.ts finds its folder. */
function placeOf(name, version) {
  const { HINDCAST_CACHE, XDG_CACHE_HOME } = process.env;
  const cache = HINDCAST_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "hindcast");
  return join(cache, `${name}-${version}`);
}
