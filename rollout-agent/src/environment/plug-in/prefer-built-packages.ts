import { registerHooks } from "node:module";

let isRegistered = false;

/**
 * We run from our sources, under the condition `source`. A package that the MCP SDK needs (eventsource-parser) publishes
 * its own sources under the same name, and Node runs no TypeScript below node_modules: what packages import of each other
 * is what was built. Only modules that are loaded afterwards are resolved so.
 */
export function preferBuiltPackages(): void {
  if (isRegistered) return;
  isRegistered = true;
  registerHooks({
    resolve: (specifier, context, next) => {
      if (context.parentURL?.includes("/node_modules/") !== true) return next(specifier, context);
      return next(specifier, { ...context, conditions: context.conditions.filter((name) => name !== "source") });
    },
  });
}
