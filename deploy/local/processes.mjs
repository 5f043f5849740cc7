// Child processes of the bootstrap: quiet ones whose output is kept in a log and shown on failure, and the one in the
// foreground that takes over the terminal.
import { spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const logs = join(root, ".hindcast", "logs");
const logLinesShown = 60;
const pinnedMajor = 24;

// Installers of Rust and Go put them here and rely on a login shell to add them to PATH.
const usualFolders = [join(homedir(), ".cargo", "bin"), "/usr/local/go/bin", join(homedir(), "go", "bin")];

/** The environment of every child: the pinned Node first, toolchains found where their installers put them. */
export function childEnvironment() {
  const path = [join(root, "node_modules", ".bin"), ...(process.env.PATH ?? "").split(delimiter), ...usualFolders];
  // Compiled code is kept between runs: each of the cluster's processes starts in half the time.
  const compileCache = join(root, "node_modules", ".cache", "node-compile");
  return { NODE_COMPILE_CACHE: compileCache, ...process.env, PATH: [...new Set(path)].join(delimiter) };
}

export function findOnPath(name) {
  const folders = childEnvironment().PATH.split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

/** The pinned Node of node_modules; the running one where it is new enough and install scripts are switched off. */
export function nodePath() {
  const pinned = join(root, "node_modules", "node", "bin", "node");
  if (existsSync(pinned)) return pinned;
  if (Number(process.versions.node.split(".")[0]) >= pinnedMajor) return process.execPath;
  throw new Error(
    `the package "node" has no executable, because npm's install scripts are switched off; ` +
      `run \`npm rebuild node --ignore-scripts=false\` or put Node ${pinnedMajor} on PATH`,
  );
}

/** Runs a command quietly; its output lies in .hindcast/logs/bootstrap-<name>.log and is shown when it fails. */
export async function runQuietly(name, command, args, options = {}) {
  mkdirSync(logs, { recursive: true });
  const path = join(logs, `bootstrap-${name}.log`);
  const log = createWriteStream(path);
  const child = spawn(command, args, {
    cwd: options.cwd ?? root,
    env: { ...childEnvironment(), ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const code = await exitOf(child);
  await new Promise((resolve) => log.end(resolve));
  if (code === 0) return;
  const tail = readFileSync(path, "utf8").trimEnd().split("\n").slice(-logLinesShown).join("\n");
  throw new Error(`${command} ${args.join(" ")} failed (exit code ${code}):\n${tail}\n(all of it: ${path})`);
}

/** Gives the terminal to a program under the pinned Node and returns its exit code. */
export function runInForeground(args, env = {}) {
  return runAttached(nodePath(), ["--conditions=source", ...args], env);
}

/** Signals are passed on: npm sends them to this process only, a terminal to both (the command line expects doubles). */
export async function runAttached(command, args, env = {}, cwd = root) {
  const child = spawn(command, args, { cwd, env: { ...childEnvironment(), ...env }, stdio: "inherit" });
  const forward = (signal) => void child.kill(signal);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, forward);
  const code = await exitOf(child);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.off(signal, forward);
  return code;
}

function exitOf(child) {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new Error(`${child.spawnfile} cannot be started: ${error.message}`)));
    child.once("close", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 1)));
  });
}
