// Reads a process's settings from the environment, once, in its main: parsed, checked as a whole, frozen. Secrets may
// come from files and are never printed. A misspelt HINDCAST_ name is an error, because a setting that is silently
// ignored costs more than one that is refused.
import { readFileSync } from "node:fs";
import type { z } from "zod";
import { HindcastError, messageOf } from "../errors.ts";
import type { EnvironmentVariable, EnvironmentVariables } from "./environment-variable.ts";
import { environmentVariables } from "./environment-variables.ts";
import { nearestName } from "./nearest-name.ts";

export type ProcessEnvironment = Readonly<Record<string, string | undefined>>;

export type ConfigOf<V extends EnvironmentVariables> = { readonly [K in keyof V]: z.output<V[K]["schema"]> };

/**
 * @throws CONFIG_INVALID naming each variable, its value and what was expected; CONFIG_UNKNOWN_KEY for a HINDCAST_
 * name that no process knows.
 */
export function readConfig<V extends EnvironmentVariables>(
  variables: V,
  env: ProcessEnvironment = process.env,
): ConfigOf<V> {
  refuseUnknownNames(env, namesOf({ ...environmentVariables, ...variables }));
  const config: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [key, entry] of Object.entries(variables)) {
    const parsed = readVariable(entry, env);
    if ("problem" in parsed) problems.push(parsed.problem);
    else config[key] = parsed.value;
  }
  if (problems.length > 0) {
    throw new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message: problems.join("; ") });
  }
  return Object.freeze(config) as ConfigOf<V>;
}

/** The values as they may be logged: secrets read `***`. */
export function redactedConfig<V extends EnvironmentVariables>(
  variables: V,
  config: ConfigOf<V>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(variables).map(([key, entry]) => {
      const value: unknown = config[key];
      return [entry.name, entry.source === "plain" || value === null ? value : "***"];
    }),
  );
}

/** Names that may be set for these variables: a secret has a second one for a file. */
export function namesOf(variables: EnvironmentVariables): string[] {
  return Object.values(variables).flatMap(({ name, source }) =>
    source === "secret" ? [name, `${name}_FILE`] : [name],
  );
}

/** @throws CONFIG_UNKNOWN_KEY for the first HINDCAST_ name that is not in `known`. */
export function refuseUnknownNames(env: ProcessEnvironment, known: Iterable<string>): void {
  const names = new Set(known);
  for (const name of Object.keys(env)) {
    if (!name.startsWith("HINDCAST_") || names.has(name)) continue;
    const near = nearestName(name, names);
    throw new HindcastError({
      code: "CONFIG_UNKNOWN_KEY",
      boundary: "config",
      message: `environment variable ${name} is not known; ${near === null ? "unset or rename it" : `did you mean ${near}? Unset or rename it`}`,
    });
  }
}

/** Reads one variable; an empty text counts as unset, as shells and container manifests have it. */
export function readVariable(
  entry: EnvironmentVariable,
  env: ProcessEnvironment,
): { value: unknown; isSet: boolean } | { problem: string } {
  let text: string | undefined;
  try {
    text = textOf(entry, env);
  } catch (error) {
    return { problem: messageOf(error) };
  }
  const parsed = entry.schema.safeParse(text);
  if (parsed.success) return { value: parsed.data, isSet: text !== undefined };
  const shown = text === undefined ? "unset" : entry.source === "plain" ? JSON.stringify(text) : "***";
  const why = parsed.error.issues.map((issue) => issue.message).join(", ");
  return { problem: `environment variable ${entry.name} is ${shown}: ${why}` };
}

function textOf(entry: EnvironmentVariable, env: ProcessEnvironment): string | undefined {
  const direct = env[entry.name] || undefined;
  if (entry.source === "plain") return direct;
  if (entry.source === "file") return direct === undefined ? undefined : readSecret(entry.name, direct);
  const path = env[`${entry.name}_FILE`] || undefined;
  if (direct !== undefined && path !== undefined) {
    throw new Error(`both ${entry.name} and ${entry.name}_FILE are set; keep one`);
  }
  return path === undefined ? direct : readSecret(`${entry.name}_FILE`, path);
}

function readSecret(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new Error(`the file of ${name} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
