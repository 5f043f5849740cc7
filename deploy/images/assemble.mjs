// Lays out what an image holds below /app: one program's JavaScript, the packages it really imports, Node itself and the
// native parts. No compiler, package manager, source or test gets in. It copies what is built already, so that it works
// the same in the build image and on a machine that can pull nothing.
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { bill } from "./bill-of-materials.mjs";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const guestTarget = `${process.arch === "arm64" ? "aarch64" : "x86_64"}-unknown-linux-gnu`;
const guest = `rollout-agent/guest/target/${guestTarget}/release/hindcast-guest`;

/** What each program has besides its JavaScript: [from, to] below /app. */
const parts = {
  coordinator: { files: [], crates: [] },
  "rollout-agent": { files: [[guest, "hindcast-guest"]], crates: ["rollout-agent/guest"] },
  "index-core": {
    files: nativeAddons().map((name) => [`index-core/${name}`, `index-core/${name}`]),
    crates: ["index-core"],
  },
};

function nativeAddons() {
  return readdirSync(join(root, "index-core")).filter((name) => /^native\..*\.node$/.test(name));
}

/** @returns how many packages of others went in */
export function assemble(name, folder) {
  const part = parts[name];
  if (part === undefined) throw new Error(`there is no image ${name}; there are ${Object.keys(parts).join(", ")}`);
  const app = join(folder, "app");
  copy(join(root, "node_modules/node/bin/node"), join(app, "node"));
  chmodSync(join(app, "node"), 0o755);
  copy(join(root, "deploy/images/early-signals.cjs"), join(app, "early-signals.cjs"));
  for (const [from, to] of part.files) copy(join(root, from), join(app, to));
  copyOwn(name, join(app, name));
  const copied = new Map();
  copyDependencies(join(root, name), app, copied);
  writeFileSync(
    join(app, "bill-of-materials.json"),
    bill({ name, packages: [...copied.values()], crates: part.crates }),
  );
  return copied.size;
}

/** A package of ours: its manifest and what the compiler made of it. */
function copyOwn(name, target) {
  for (const file of ["package.json", "dist"]) {
    const from = join(root, name, file);
    if (!existsSync(from)) throw new Error(`${from} is missing: run \`npm run build\` first`);
    copy(from, join(target, file));
  }
}

/** Follows `dependencies` as Node would resolve them; each lands at the same place below /app as below the clone. */
function copyDependencies(folder, app, copied) {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const optional = { ...manifest.optionalDependencies, ...manifest.peerDependencies };
  for (const name of Object.keys({ ...manifest.dependencies, ...optional })) {
    const found = resolvePackage(name, folder);
    if (found === null) {
      if (name in optional) continue;
      throw new Error(`${manifest.name} needs ${name}, which is not installed`);
    }
    if (copied.has(found)) continue;
    if (name.startsWith("@hindcast/")) {
      copyOwn(name.slice("@hindcast/".length), join(app, "node_modules", name));
      copied.set(found, { name, version: manifest.version, license: manifest.license });
      copyDependencies(join(root, name.slice("@hindcast/".length)), app, copied);
      continue;
    }
    const { version, license } = JSON.parse(readFileSync(join(found, "package.json"), "utf8"));
    copied.set(found, { name, version, license });
    copy(found, join(app, relative(root, found)));
    copyDependencies(found, app, copied);
  }
}

function resolvePackage(name, from) {
  for (let folder = from; folder.startsWith(root); folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return candidate;
  }
  return null;
}

/** Without declarations, source maps and prose; nested packages are copied when something asks for them. */
function copy(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  const isWanted = (path) =>
    !/\.(map|md|markdown|tsbuildinfo|[cm]?ts)$/.test(path) && !relative(from, path).split("/").includes("node_modules");
  cpSync(from, to, { recursive: true, dereference: true, filter: isWanted });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name = "", folder = ""] = process.argv.slice(2);
  console.log(`${name}: ${assemble(name, folder)} packages`);
}
