import type { EnvironmentSpec } from "@hindcast/shared";
import type { SandboxProvider } from "../sandbox/sandbox.ts";
import type { EnvironmentProvider } from "./environment.ts";
import { noOpProvider } from "./no-op.ts";
import { createPlugInProvider } from "./plug-in/plug-in-provider.ts";
import { type ConfiguredWorlds, noWorlds } from "./plug-in/world-configuration.ts";
import type { WorldLog } from "./plug-in/world.ts";
import { createShellProvider } from "./shell.ts";

export interface EnvironmentDeps {
  sandboxes: SandboxProvider;
  /** Worlds that are plugged in. @default none */
  worlds?: ConfiguredWorlds;
  /** @default nothing is logged */
  log?: WorldLog;
}

const silence: WorldLog = { debug: () => undefined, warn: () => undefined };

/** The world of a kind. A new kind adds its specification to the contract and its line here. */
export function createEnvironmentProvider(kind: EnvironmentSpec["kind"], deps: EnvironmentDeps): EnvironmentProvider {
  switch (kind) {
    case "shell":
      return createShellProvider(deps.sandboxes);
    case "no-op":
      return noOpProvider;
    case "external":
      return createPlugInProvider(deps.worlds ?? noWorlds, deps.log ?? silence);
  }
}
