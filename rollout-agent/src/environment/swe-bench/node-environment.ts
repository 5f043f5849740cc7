// The packages of npm that a project's tests need, installed once for each set of pins and kept by what is in it. They are
// installed in a sandbox, and no script of theirs runs even there.
import { join } from "node:path";
import { HindcastError, messageOf, type PinnedNode } from "@hindcast/shared";
import type { SandboxProvider } from "../../sandbox/sandbox.ts";
import type { CacheFolder } from "./cache-folder.ts";
import { unavailable } from "./errors.ts";
import { fetchedFolder, fetchedInside, fetchInside } from "./fetch-inside.ts";
import { hostSettings } from "./registries/host-settings.ts";
import { npmFlags, npmRegistries } from "./registries/npm-registries.ts";

/** A folder that holds `node_modules`. @throws ENVIRONMENT_UNAVAILABLE naming what npm could not install */
export async function openNodeEnvironment(
  { key, packages }: PinnedNode,
  { cache, sandboxes }: { cache: CacheFolder; sandboxes: SandboxProvider },
  signal: AbortSignal,
): Promise<AsyncDisposable & { path: string }> {
  const make = async (path: string): Promise<string> => {
    const dependencies = Object.fromEntries(packages.map(nameAndVersion));
    const manifest = JSON.stringify({ private: true, dependencies });
    const script = `cd ${fetchedInside}\ncat > package.json <<'END'\n${manifest}\nEND\nnpm install ${npmFlags}`;
    const client = await npmRegistries(await hostSettings(signal), signal);
    await fetchInside({ client, mounts: [], script }, path, sandboxes, signal);
    return packages.join(" ");
  };
  try {
    const entry = await cache.open(`node-inside-${key}`, make, signal);
    return {
      path: join(entry.path, fetchedFolder),
      [Symbol.asyncDispose]: () => entry[Symbol.asyncDispose](),
    };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HindcastError) throw error;
    throw unavailable(`npm could not install ${packages.join(", ")}: ${messageOf(error)}`, error);
  }
}

function nameAndVersion(pin: string): [string, string] {
  const at = pin.lastIndexOf("@");
  return [pin.slice(0, at), pin.slice(at + 1)];
}
