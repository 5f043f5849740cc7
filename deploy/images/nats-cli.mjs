// The command `nats`, which the image `backup` saves and restores streams with: built once from its Go module and kept
// where the local cluster's nats-server is kept.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { childEnvironment, findOnPath } from "../local/processes.mjs";

/** As in build.Dockerfile. */
export const natsCliVersion = "0.5.1";

const module = `github.com/nats-io/natscli/nats@v${natsCliVersion}`;

/** @returns its path, or null where it was not built yet */
export function builtNatsCli() {
  const path = placeOf();
  return existsSync(path) ? path : null;
}

/** @returns its path, or null where there is no Go to build it with */
export function natsCli() {
  const built = builtNatsCli();
  const go = findOnPath("go");
  if (built !== null || go === null) return built;
  console.log(`backup: building nats ${natsCliVersion} (once; some minutes)`);
  const path = placeOf();
  const cache = join(path, "..");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "build-"));
  try {
    const env = { ...childEnvironment(), GOBIN: folder, CGO_ENABLED: "0" };
    execFileSync(go, ["install", "-trimpath", module], { stdio: ["ignore", "ignore", "inherit"], env });
    renameSync(join(folder, "nats"), path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return path;
}

/** As coordinator/src/local/binary-options.ts finds its folder. */
function placeOf() {
  const { HINDCAST_CACHE, XDG_CACHE_HOME } = process.env;
  const cache = HINDCAST_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "hindcast");
  return join(cache, `nats-cli-${natsCliVersion}`);
}
