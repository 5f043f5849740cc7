// Rust: `cargo vendor` writes all crates into one folder and says how to take them from there. No build script runs here,
// but settings of the project's may name programs that Cargo calls.
import { fetchedInside } from "../fetch-inside.ts";
import { mustRun } from "../host-program.ts";
import { openProgramFolder } from "../program-folder.ts";
import { cargoRegistries } from "../registries/cargo-registries.ts";
import { filesOf } from "./base-tree.ts";
import { dependenciesInside, type DependencySource, toolchainInside } from "./dependency-source.ts";

/** The toolchain itself and not rustup, which would fetch the one that a repository asks for. */
async function sysroot(signal: AbortSignal): Promise<string> {
  return (await mustRun(["rustc", "--print", "sysroot"], { timeoutMs: 60_000, cwd: "/" }, signal)).trim();
}

const vendor = `${fetchedInside}/vendor`;
// The settings go to its standard output, and all else that it says to the other.
const fetching = `cargo vendor --versioned-dirs ${vendor} > /tmp/.vendor.toml
sed 's|${vendor}|${dependenciesInside}/vendor|g' /tmp/.vendor.toml > ${fetchedInside}/config.toml`;

export const cargo: DependencySource = {
  isManifest: (path) => /(^|\/)Cargo\.(toml|lock)$|(^|\/)\.cargo\/config(\.toml)?$/.test(path),

  client: cargoRegistries,

  async plan(tree, signal) {
    // A library keeps none: the versions that were vendored must be those that are asked for.
    const isLocked = (await filesOf(tree, signal)).has("Cargo.lock");
    return isLocked
      ? { script: fetching, note: "as locked" }
      : {
          script: `${fetching}\ncp Cargo.lock ${fetchedInside}/Cargo.lock`,
          note: "the newest that fit, as nothing is locked",
        };
  },

  async inside(cache, signal) {
    const prefix = await sysroot(signal);
    const toolchain = await openProgramFolder(prefix, cache, signal);
    const programs = `${toolchain === null ? prefix : toolchainInside}/bin`;
    return {
      mounts: toolchain === null ? [] : [{ source: toolchain.path, target: toolchainInside }],
      ...(toolchain === null ? {} : { used: toolchain }),
      programs,
      script: `{
mkdir -p "$HOME/.cargo" && cp ${dependenciesInside}/config.toml "$HOME/.cargo/config.toml"
[[ ! -e ${dependenciesInside}/Cargo.lock ]] || { cp ${dependenciesInside}/Cargo.lock . && echo /Cargo.lock >> .git/info/exclude; }
export PATH=${programs}:$PATH CARGO_NET_OFFLINE=true CARGO_TERM_COLOR=never
}`,
    };
  },
};
