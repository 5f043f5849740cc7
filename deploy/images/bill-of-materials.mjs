// The bill of materials of an image (CycloneDX 1.6): every npm package and Rust crate that went in, with its version.
// Debian's packages are listed by the base image itself, in /var/lib/dpkg.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** @param {{ name: string, packages: { name: string, version: string, license?: string }[], crates: string[] }} of */
export function bill({ name, packages, crates }) {
  const npm = packages.map((each) => component("npm", each.name.replace("@", "%40"), each));
  const rust = crates.flatMap(cratesOf).map((each) => component("cargo", each.name, each));
  const node = { type: "application", name: "node", version: process.versions.node };
  const components = [node, ...npm, ...rust].sort((a, b) => (`${a.purl}` < `${b.purl}` ? -1 : 1));
  const metadata = { component: { type: "application", name: `hindcast/${name}` } };
  return `${JSON.stringify({ bomFormat: "CycloneDX", specVersion: "1.6", version: 1, metadata, components }, null, 2)}\n`;
}

function component(kind, path, { name, version, license }) {
  const licenses = typeof license === "string" ? { licenses: [{ expression: license }] } : {};
  return { type: "library", name, version, purl: `pkg:${kind}/${path}@${version}`, ...licenses };
}

/** What the lock file pins; a crate of the tests alone may be among them. */
function cratesOf(folder) {
  const lock = readFileSync(join(root, folder, "Cargo.lock"), "utf8");
  return [...lock.matchAll(/^name = "(.*)"\nversion = "(.*)"$/gm)].map(([, name, version]) => ({ name, version }));
}
