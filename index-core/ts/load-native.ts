// Loads the native library that `npm run build -w index-core` puts next to package.json.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { HindcastError, messageOf } from "@hindcast/shared";
import type * as Native from "./native.d.ts";

const packageFolder = new URL("../", import.meta.url);

/** @throws INDEX_NOT_READY naming the command that builds the library. */
export function loadNative(folder: URL = packageFolder): typeof Native {
  const path = fileURLToPath(new URL(`native.${target()}.node`, folder));
  if (!existsSync(path)) {
    throw unusable(`the native index ${path} is not built; run \`npm run build -w index-core\``);
  }
  try {
    return createRequire(import.meta.url)(path) as typeof Native;
  } catch (error) {
    throw unusable(
      `the native index ${path} does not load (${messageOf(error)}); run \`npm run build -w index-core\` on this machine`,
    );
  }
}

/** The part of the file name that @napi-rs/cli chooses by platform. */
function target(): string {
  const { platform, arch } = process;
  if (platform === "win32") return `win32-${arch}-msvc`;
  if (platform !== "linux") return `${platform}-${arch}`;
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return `linux-${arch}-${report.header?.glibcVersionRuntime === undefined ? "musl" : "gnu"}`;
}

function unusable(message: string): HindcastError {
  return new HindcastError({ code: "INDEX_NOT_READY", boundary: "index", message });
}
