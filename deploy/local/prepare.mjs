// Brings the clone to the point where everything can run, doing only what is not done: a second run takes no time.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, runInForeground, runQuietly } from "./processes.mjs";
import { requireTools } from "./toolchain.mjs";

const nodeMinimum = 20;

/** Its own, because the guest is linked statically; as in rollout-agent/src/sandbox/bubblewrap.ts. */
const guestTarget = `${process.arch === "arm64" ? "aarch64" : "x86_64"}-unknown-linux-gnu`;

/** Parts that a compiler builds, what they are made from, and what must be there afterwards. */
const nativeParts = [
  {
    name: "index-core",
    inputs: [
      "index-core/src",
      "index-core/Cargo.toml",
      "index-core/Cargo.lock",
      "index-core/build.rs",
      "index-core/rust-toolchain.toml",
    ],
    isBuilt: () => readdirSync(join(root, "index-core")).some((name) => /^native\..*node$/.test(name)),
    build: () => runQuietly("index-core", "npm", ["run", "build", "-w", "index-core"]),
  },
  {
    name: "sandbox guest",
    inputs: [
      "rollout-agent/guest/src",
      "rollout-agent/guest/.cargo/config.toml",
      "rollout-agent/guest/Cargo.toml",
      "rollout-agent/guest/Cargo.lock",
    ],
    isBuilt: () => existsSync(join(root, "rollout-agent/guest/target", guestTarget, "release/hindcast-guest")),
    build: () => runQuietly("guest", "cargo", ["build", "--release"], { cwd: join(root, "rollout-agent/guest") }),
  },
];

export async function prepare(needs) {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < nodeMinimum)
    throw new Error(`Node ${process.versions.node} is too old; install Node ${nodeMinimum} or newer`);
  const stale = needs.native ? nativeParts.filter((part) => !part.isBuilt() || readStamp(part) !== stampOf(part)) : [];
  requireTools({ compiles: stale.length > 0, broker: needs.broker, sandbox: needs.sandbox });

  if (!isInstalled()) {
    await step("installing npm packages", () =>
      runQuietly("npm", "npm", ["install", "--no-save", "--no-audit", "--no-fund"]),
    );
  }
  const steps = stale.map((part) => step(`building ${part.name}`, () => build(part)));
  if (needs.broker) steps.push(prepareBroker());
  const failed = (await Promise.allSettled(steps)).filter((result) => result.status === "rejected");
  if (failed.length > 0) throw new Error(failed.map((result) => result.reason.message).join("\n\n"));
}

async function step(what, work) {
  const start = performance.now();
  // Standard output belongs to the command that is prepared for: it may be JSON.
  console.error(`${what} …`);
  await work();
  console.error(`${what}: done in ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

/** nats-server is looked for and, where it is missing, obtained by the same code that starts it later. */
async function prepareBroker() {
  const code = await runInForeground(["coordinator/src/cli/prepare-nats-server.ts"]);
  if (code !== 0) throw new Error("there is no nats-server, see above");
}

/**
 * Whether node_modules holds what package-lock.json asks for. npm writes what it really installed to
 * node_modules/.package-lock.json at the very end, so an interrupted installation has none.
 */
export function isInstalled(folder = root) {
  const hidden = join(folder, "node_modules", ".package-lock.json");
  if (!existsSync(hidden)) return false;
  const wanted = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(readFileSync(hidden, "utf8")).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith("node_modules/") && !path.includes("/node_modules/")) return true;
    const there = installed[path];
    if (there === undefined) return entry.optional === true || entry.peer === true;
    return there.version === entry.version && there.integrity === entry.integrity;
  });
}

async function build(part) {
  // Taken before the build: what is edited meanwhile makes the part stale again.
  const stamp = stampOf(part);
  await part.build();
  if (!part.isBuilt()) throw new Error(`building ${part.name} succeeded but left no result where it is expected`);
  const path = stampPath(part);
  mkdirSync(join(root, ".hindcast", "stamps"), { recursive: true });
  writeFileSync(path, stamp);
}

function readStamp(part) {
  const path = stampPath(part);
  return existsSync(path) ? readFileSync(path, "utf8") : null;
}

function stampPath(part) {
  return join(root, ".hindcast", "stamps", part.name.replaceAll(" ", "-"));
}

/** SHA-256 over names and contents of everything the part is made from. */
function stampOf(part) {
  const hash = createHash("sha256").update(`${process.platform}-${process.arch}`);
  for (const input of part.inputs) hashTree(hash, input);
  return hash.digest("hex");
}

function hashTree(hash, path) {
  const full = join(root, path);
  if (!existsSync(full)) return;
  let names;
  try {
    names = readdirSync(full).sort();
  } catch {
    hash.update(`${path}\0`).update(readFileSync(full));
    return;
  }
  for (const name of names) hashTree(hash, `${path}/${name}`);
}
