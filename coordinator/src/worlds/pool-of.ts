import type { environmentKind } from "@hindcast/shared";
import type { HindcastConfig } from "../config/schema.ts";

/** The pool in which a world's episodes wait: that of agents which open worlds of its kind. */
export function poolOf(environment: HindcastConfig["campaign"]["environment"]): ReturnType<typeof environmentKind> {
  return environment === "plug-in" ? "external" : environment;
}
