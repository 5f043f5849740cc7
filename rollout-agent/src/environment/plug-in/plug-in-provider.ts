import { accessSync, constants } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import type { EnvironmentProvider } from "../environment.ts";
import { bareEnvironment } from "./line-process.ts";
import { openWorld } from "./open-world.ts";
import { PlugInEnvironment, unsupported } from "./plug-in-environment.ts";
import type { ConfiguredWorlds, WorldConfiguration } from "./world-configuration.ts";
import type { WorldLog } from "./world.ts";

/** The worlds of this agent's worlds file, as environments of the kind `external`. */
export function createPlugInProvider(configured: ConfiguredWorlds, log: WorldLog): EnvironmentProvider {
  return {
    kind: "external",
    problems: () =>
      Promise.resolve([...configured.worlds].flatMap(([name, world]) => problemsOf(name, world, configured))),
    create: (options) => {
      const { spec, id, limits } = options;
      if (spec.kind !== "external") throw unsupported(`a world of kind "${spec.kind}" (${id})`);
      const context = { session: id, stepTimeMs: limits.stepTimeMs, log };
      return new PlugInEnvironment({ ...options, spec }, (signal) =>
        openWorld(configured, spec.world, context, signal),
      );
    },
  };
}

/** What can be said without starting anything. */
function problemsOf(name: string, world: WorldConfiguration, { folder }: ConfiguredWorlds): string[] {
  if (!("command" in world)) return [];
  const [program] = world.command;
  const home = resolve(folder, world.folder);
  const path = typeof world.environment["PATH"] === "string" ? world.environment["PATH"] : bareEnvironment.PATH;
  const candidates = program.includes("/")
    ? [resolve(home, program)]
    : path.split(delimiter).map((directory) => join(directory, program));
  if (candidates.some(isExecutable)) return [];
  return [
    `The program of the world "${name}", ${program}, is not there or may not be run (looked at ${candidates.join(", ")}).`,
  ];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Not there, or not for us.
    return false;
  }
}
