import type { EnvironmentSpec } from "@hindcast/shared";
import { defaultGuestPath } from "../sandbox/bubblewrap.ts";
import type { SandboxProvider } from "../sandbox/sandbox.ts";
import { type BrowserSettings, createBrowserProvider } from "./browser/browser-provider.ts";
import type { EnvironmentProvider } from "./environment.ts";
import { noOpProvider } from "./no-op.ts";
import { createPlugInProvider } from "./plug-in/plug-in-provider.ts";
import { type ConfiguredWorlds, noWorlds } from "./plug-in/world-configuration.ts";
import type { WorldLog } from "./plug-in/world.ts";
import { createShellProvider } from "./shell.ts";
import { createSweBenchProvider } from "./swe-bench/swe-bench-environment.ts";
import type { TestbedSources } from "./swe-bench/testbed.ts";

export interface EnvironmentDeps {
  sandboxes: SandboxProvider;
  /** Worlds that are plugged in. @default none */
  worlds?: ConfiguredWorlds;
  /** What browser worlds run. @default Debian's Chromium, without MiniWoB's pages */
  browsers?: BrowserSettings;
  /** What SWE-bench worlds are made from. @default nothing: there are none */
  sweBench?: TestbedSources | null;
  /** @default nothing is logged */
  log?: WorldLog;
}

const silence: WorldLog = { debug: () => undefined, warn: () => undefined };

/** The world of a kind. A new kind adds its specification to the contract and its line here. */
export function createEnvironmentProvider(kind: EnvironmentSpec["kind"], deps: EnvironmentDeps): EnvironmentProvider {
  switch (kind) {
    case "shell":
      return createShellProvider(deps.sandboxes);
    case "browser":
      return createBrowserProvider(
        deps.browsers ?? { chromiumPath: null, guestPath: defaultGuestPath, miniWobFolder: null },
      );
    case "no-op":
      return noOpProvider;
    case "external":
      return createPlugInProvider(deps.worlds ?? noWorlds, deps.log ?? silence);
    case "swe-bench":
      return createSweBenchProvider(deps.sweBench ?? null);
  }
}
