// What cannot be installed by npm: compilers, the sandbox, something that provides a broker. Each missing one is named
// with the command that installs it on this distribution.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { childEnvironment, findOnPath } from "./processes.mjs";

const rust = "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y";
/** As the crates ask for it (`rust-version`). */
const rustMinimum = [1, 89];

/** Command that installs packages, by the ID or ID_LIKE of /etc/os-release. */
const distributions = {
  debian: {
    install: "apt-get install -y",
    packages: { cc: "build-essential", bwrap: "bubblewrap", go: "golang-go", git: "git" },
  },
  fedora: {
    install: "dnf install -y",
    packages: { cc: "gcc gcc-c++ make", bwrap: "bubblewrap", go: "golang", git: "git" },
  },
  arch: { install: "pacman -S --needed", packages: { cc: "base-devel", bwrap: "bubblewrap", go: "go", git: "git" } },
  alpine: { install: "apk add", packages: { cc: "build-base", bwrap: "bubblewrap", go: "go", git: "git" } },
};

export function distribution(osRelease = readOsRelease()) {
  const words = [...osRelease.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap((match) => match[1].split(" "));
  const aliases = { ubuntu: "debian", rhel: "fedora", centos: "fedora", manjaro: "arch" };
  return words.map((word) => aliases[word] ?? word).find((word) => Object.hasOwn(distributions, word)) ?? null;
}

function readOsRelease() {
  try {
    return readFileSync("/etc/os-release", "utf8");
  } catch {
    return "";
  }
}

/**
 * Sentences on what is missing, each with its remedy; `has(name)` says whether a program is on PATH.
 * @param {{ compiles: boolean, broker: boolean, sandbox: boolean }} needs
 */
export function missingTools(needs, { has, rustVersion, distribution: id }) {
  const missing = [];
  const install = (tool, fallback) =>
    id === null
      ? `install ${fallback} with your package manager`
      : `${distributions[id].install} ${distributions[id].packages[tool]}`;
  const require = (isThere, what, remedy) => {
    if (!isThere) missing.push({ what, remedy });
  };
  require(has("npm"), "npm", "install Node.js together with npm from https://nodejs.org");
  if (needs.compiles) {
    require(has("cc") && has("c++"), "a C and C++ compiler (cc, c++)", install("cc", "gcc, g++ and make"));
    require(has("cargo"), "Rust (cargo)", rust);
    if (has("cargo")) {
      require(isAtLeast(
        rustVersion(),
        rustMinimum,
      ), `Rust ${rustMinimum.join(".")} or newer (found ${rustVersion()})`, rust);
    }
  }
  if (needs.broker) {
    const isThere = has("nats-server") || has("go") || has("docker");
    require(isThere, "nats-server ≥ 2.12, or Go or Docker to get one", install("go", "Go"));
  }
  if (needs.sandbox) {
    require(has("bwrap"), "bubblewrap (bwrap), the sandbox of the agents", install("bwrap", "bubblewrap"));
    require(has("git"), "git, which the default campaign learns", install("git", "git"));
  }
  return missing;
}

function isAtLeast(version, minimum) {
  const parts = version.split(".").map(Number);
  return parts[0] > minimum[0] || (parts[0] === minimum[0] && parts[1] >= minimum[1]);
}

/** @throws naming everything that is missing at once, so that one round of installing is enough. */
export function requireTools(needs) {
  const id = distribution();
  const has = (name) => findOnPath(name) !== null;
  if (needs.sandbox && !has("bwrap") && id === "debian" && process.getuid?.() === 0) installBubblewrap();
  const missing = missingTools(needs, { has, rustVersion, distribution: id });
  if (missing.length === 0) return;
  const lines = missing.map(({ what, remedy }) => `  ${what}\n      ${remedy}`);
  throw new Error(
    `this machine lacks:\n${lines.join("\n")}\nInstall ${missing.length === 1 ? "it" : "them"}, then run the same command again.`,
  );
}

function rustVersion() {
  const text = execFileSync("cargo", ["--version"], { env: childEnvironment(), encoding: "utf8" });
  return /\d+\.\d+\.\d+/.exec(text)?.[0] ?? "0.0.0";
}

function installBubblewrap() {
  console.error("bubblewrap is missing; installing it: apt-get install -y bubblewrap");
  const options = {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  };
  try {
    execFileSync("apt-get", ["install", "-y", "-qq", "bubblewrap"], options);
  } catch {
    // A machine whose package lists were never fetched; what still fails is named by the check that follows.
    try {
      execFileSync("apt-get", ["update", "-qq"], options);
      execFileSync("apt-get", ["install", "-y", "-qq", "bubblewrap"], options);
    } catch (error) {
      console.error(`apt-get failed: ${error.message}`);
    }
  }
}
