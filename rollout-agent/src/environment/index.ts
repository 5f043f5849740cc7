import type { EnvironmentSpec } from "@hindcast/shared";
import type { SandboxProvider } from "../sandbox/sandbox.ts";
import type { EnvironmentProvider } from "./environment.ts";
import { noOpProvider } from "./no-op.ts";
import { createShellProvider } from "./shell.ts";

/** The world of a kind. A new kind adds its specification to the contract and its line here. */
export function createEnvironmentProvider(
  kind: EnvironmentSpec["kind"],
  deps: { sandboxes: SandboxProvider },
): EnvironmentProvider {
  switch (kind) {
    case "shell":
      return createShellProvider(deps.sandboxes);
    case "no-op":
      return noOpProvider;
  }
}
