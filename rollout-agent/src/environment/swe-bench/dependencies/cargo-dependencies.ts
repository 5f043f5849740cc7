// Rust: `cargo vendor` writes all crates into one folder and says how to take them from there. No build script runs here.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../host-program.ts";
import { openProgramFolder } from "../program-folder.ts";
import { checkOut, filesOf } from "./base-tree.ts";
import { dependenciesInside, type DependencySource, fetchTimeoutMs, toolchainInside } from "./dependency-source.ts";

/** The toolchain itself and not rustup, which would fetch the one that a repository asks for. */
async function sysroot(signal: AbortSignal): Promise<string> {
  return (await mustRun(["rustc", "--print", "sysroot"], { timeoutMs: 60_000, cwd: "/" }, signal)).trim();
}

export const cargo: DependencySource = {
  isManifest: (path) => /(^|\/)Cargo\.(toml|lock)$|(^|\/)\.cargo\/config(\.toml)?$/.test(path),

  async fetch(tree, path, signal) {
    const [project, vendor] = [join(path, "tree"), join(path, "vendor")];
    await checkOut(tree, project, signal);
    const program = join(await sysroot(signal), "bin", "cargo");
    const settings = join(path, "config.toml");
    // The settings go to its standard output, and all else that it says to the other.
    const argv = ["bash", "-c", '"$0" vendor --versioned-dirs "$1" > "$2"', program, vendor, settings];
    const options = { timeoutMs: fetchTimeoutMs, cwd: project };
    await mustRun(argv, options, signal);
    const text = readFileSync(settings, "utf8");
    writeFileSync(settings, text.replaceAll(vendor, `${dependenciesInside}/vendor`));
    // A library keeps none: the versions that were vendored must be those that are asked for.
    const isLocked = (await filesOf(tree, signal)).has("Cargo.lock");
    if (!isLocked) writeFileSync(join(path, "Cargo.lock"), readFileSync(join(project, "Cargo.lock")));
    await mustRun(["rm", "-rf", project], options, signal);
    return isLocked ? "as locked" : "the newest that fit, as nothing is locked";
  },

  async inside(_path, cache, signal) {
    const prefix = await sysroot(signal);
    const toolchain = await openProgramFolder(prefix, cache, signal);
    const at = toolchain === null ? prefix : toolchainInside;
    return {
      mounts: toolchain === null ? [] : [{ source: toolchain.path, target: toolchainInside }],
      ...(toolchain === null ? {} : { used: toolchain }),
      script: `{
mkdir -p "$HOME/.cargo" && cp ${dependenciesInside}/config.toml "$HOME/.cargo/config.toml"
[[ ! -e ${dependenciesInside}/Cargo.lock ]] || { cp ${dependenciesInside}/Cargo.lock . && echo /Cargo.lock >> .git/info/exclude; }
export PATH=${at}/bin:$PATH CARGO_NET_OFFLINE=true CARGO_TERM_COLOR=never
}`,
    };
  },
};
