// Finds the native library: what `npm run build -w index-core` puts next to package.json, else the package of this
// platform, which npm chooses by `os`, `cpu` and `libc`. No script runs at installation.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { type HindcastError, messageOf } from "@hindcast/shared";
import { indexError } from "./index-error.ts";
import type * as Native from "./native.d.ts";

const packageFolder = new URL("../", import.meta.url);
const buildCommand = "npm run build -w index-core";
let loaded: typeof Native | null = null;

/** @throws INDEX_NOT_READY naming what to do: there is no library, or it is not of these sources. */
export function loadNative(): typeof Native {
  return (loaded ??= loadNativeFrom(packageFolder));
}

/** As `loadNative`, for a package that lies in `folder`. */
export function loadNativeFrom(folder: URL): typeof Native {
  const target = nativeTarget();
  const require = createRequire(new URL("package.json", folder));
  const path = fileURLToPath(new URL(`native.${target}.node`, folder));
  if (existsSync(path)) return usable(require, path, `run \`${buildCommand}\` on this machine`, folder);
  const name = `@hindcast/index-core-${target}`;
  if (isInstalled(require, name)) return usable(require, name, `install ${name}@${versionOf(folder)}`, folder);
  throw unusable(
    `there is no native index for ${target}: ${path} is not built and ${name} is not installed; ` +
      `run \`${buildCommand}\`, or install that package`,
  );
}

/** The part of the names of file and package that @napi-rs/cli chooses by platform. */
export function nativeTarget(): string {
  const { platform, arch } = process;
  if (platform === "win32") return `win32-${arch}-msvc`;
  if (platform !== "linux") return `${platform}-${arch}`;
  return `linux-${arch}-${isGlibc() ? "gnu" : "musl"}`;
}

function isGlibc(): boolean {
  const reporting = process.report as typeof process.report & { excludeNetwork?: boolean };
  const before = reporting.excludeNetwork ?? false;
  // With it the report looks up the names of open connections, which can take seconds.
  reporting.excludeNetwork = true;
  const report = reporting.getReport() as { header?: { glibcVersionRuntime?: string } };
  reporting.excludeNetwork = before;
  return report.header?.glibcVersionRuntime !== undefined;
}

function isInstalled(require: NodeJS.Require, name: string): boolean {
  try {
    require.resolve(name);
    return true;
  } catch {
    return false;
  }
}

function usable(require: NodeJS.Require, id: string, remedy: string, folder: URL): typeof Native {
  let library: Partial<typeof Native>;
  try {
    library = require(id) as Partial<typeof Native>;
  } catch (error) {
    throw unusable(`the native index ${id} does not load (${messageOf(error)}); ${remedy}`);
  }
  const [found, wanted] = [library.libraryVersion?.() ?? "before 0.1.0", versionOf(folder)];
  if (found !== wanted) throw unusable(`the native index ${id} has version ${found}, this needs ${wanted}; ${remedy}`);
  return library as typeof Native;
}

function versionOf(folder: URL): string {
  return (JSON.parse(readFileSync(new URL("package.json", folder), "utf8")) as { version: string }).version;
}

function unusable(message: string): HindcastError {
  return indexError("INDEX_NOT_READY", message);
}
