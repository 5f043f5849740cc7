// defaults < profile < file < environment < flags, with the source of every value kept. Each source is checked where it
// comes from, so that an error names the file or the variable that the user has to change.
import { HindcastError, type ErrorCode } from "@hindcast/shared";
import {
  environmentVariables,
  modelVariables,
  namesOf,
  nearestName,
  readConfig,
  refuseUnknownNames,
  type ConfigOf,
  type ProcessEnvironment,
} from "@hindcast/shared/node";
import { checkAcrossFields } from "./checks.ts";
import { defaults, profiles } from "./defaults.ts";
import { readConfigFile } from "./file.ts";
import { leafAt, leaves, sections, typeText, valueOfText, type Leaf } from "./leaves.ts";
import { HindcastConfig } from "./schema.ts";

export type ProviderKeys = Pick<ConfigOf<typeof modelVariables>, "anthropicApiKey" | "geminiApiKey" | "openaiApiKey">;

export interface LoadedConfig {
  config: HindcastConfig;
  /** Where each path's value comes from: `default`, `profile faithful`, a file's name, a variable's name, a flag. */
  sources: ReadonlyMap<string, string>;
  /** Only from the environment or files it names: never in a config file, never printed. */
  keys: ProviderKeys;
}

export interface ConfigInputs {
  workingDirectory: string;
  /** A file named by the user; else `hindcast.config.{json,yaml,yml}` where it exists. */
  file?: string;
  env: ProcessEnvironment;
  /** Values by path, with the flag that set each. */
  flags?: readonly { path: string; value: unknown; flag: string }[];
}

/** @throws CONFIG_INVALID or CONFIG_UNKNOWN_KEY: where, which setting, its value, and what to write instead. */
export function loadConfig(inputs: ConfigInputs): LoadedConfig {
  const values = new Map<string, unknown>(flatten(defaults, "the defaults"));
  const sources = new Map<string, string>([...values.keys()].map((path) => [path, "default"]));
  const set = (path: string, value: unknown, source: string): void => {
    values.set(path, parse(path, value, source));
    sources.set(path, source);
  };

  const layers = [...fileLayer(inputs), ...environmentLayer(inputs.env), ...(inputs.flags ?? [])];
  const profile = layers.findLast(({ path }) => path === "profile");
  const name =
    profile === undefined
      ? defaults.profile
      : (parse("profile", profile.value, profile.flag) as HindcastConfig["profile"]);
  for (const [path, value] of flatten(profiles[name], "the profile")) set(path, value, `profile ${name}`);
  for (const { path, value, flag } of layers) set(path, value, flag);

  const { anthropicApiKey, geminiApiKey, openaiApiKey } = readConfig(modelVariables, providerOnly(inputs.env));
  const loaded: LoadedConfig = {
    config: HindcastConfig.parse(nest(values)),
    sources,
    keys: { anthropicApiKey, geminiApiKey, openaiApiKey },
  };
  checkAcrossFields(loaded);
  return loaded;
}

interface Setting {
  path: string;
  value: unknown;
  flag: string;
}

function fileLayer(inputs: ConfigInputs): Setting[] {
  const file = readConfigFile(inputs.workingDirectory, inputs.file);
  if (file === null) return [];
  return flatten(file.content, file.name).map(([path, value]) => ({ path, value, flag: file.name }));
}

function environmentLayer(env: ProcessEnvironment): Setting[] {
  refuseUnknownNames(env, [...leaves.map((leaf) => leaf.variable), ...namesOf(environmentVariables)]);
  return leaves.flatMap((leaf) => {
    const text = env[leaf.variable] ?? "";
    return text === "" ? [] : [{ path: leaf.path, value: valueOfText(leaf, text), flag: leaf.variable }];
  });
}

/** The keys and their `_FILE` twins: everything else that a process reads is a setting here. */
function providerOnly(env: ProcessEnvironment): ProcessEnvironment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("HINDCAST_")));
}

/** Paths and values of a nested object. @throws CONFIG_UNKNOWN_KEY for a path that is no setting. */
export function flatten(value: object, source: string, prefix = ""): [string, unknown][] {
  return Object.entries(value).flatMap(([key, item]): [string, unknown][] => {
    const path = prefix === "" ? key : `${prefix}.${key}`;
    if (leafAt(path) !== undefined) return [[path, item]];
    if (!sections.has(path)) throw unknownKey(path, source);
    // A section whose lines are all commented out reads as null.
    if (item === null) return [];
    if (typeof item !== "object" || Array.isArray(item)) {
      throw problem(
        "CONFIG_INVALID",
        `${source}: ${path} is ${show(item)}, but it holds settings of its own; nest them below it`,
      );
    }
    return flatten(item, source, path);
  });
}

export function unknownKey(path: string, source: string): HindcastError {
  const known = [...leaves.map((leaf) => leaf.path), ...sections];
  const name = path.split(".").at(-1) ?? path;
  const near =
    nearestName(path, known) ??
    known.find((candidate) => nearestName(name, [candidate.split(".").at(-1) ?? ""]) !== null);
  return problem(
    "CONFIG_UNKNOWN_KEY",
    `${source}: ${path} is not a setting${near === undefined ? ";" : `; did you mean ${near}?`} \`hindcast config\` lists all`,
  );
}

function parse(path: string, value: unknown, source: string): unknown {
  const leaf = leafAt(path);
  if (leaf === undefined) throw unknownKey(path, source);
  const parsed = leaf.schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const why = parsed.error.issues.map((issue) => issue.message).join(", ");
  throw problem("CONFIG_INVALID", `${source}: ${path} is ${show(value)}: ${why}; ${remedy(leaf)}`);
}

/** The default as an example, unless it is "none", which tells nothing. */
function remedy(leaf: Leaf): string {
  const example = flatten(defaults, "").find(([path]) => path === leaf.path)?.[1] ?? null;
  return example === null ? `it takes: ${typeText(leaf)}` : `write for example ${show(example)}`;
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? "missing").slice(0, 200);
}

function nest(values: ReadonlyMap<string, unknown>): unknown {
  const root: Record<string, unknown> = {};
  for (const [path, value] of values) {
    const keys = path.split(".");
    let at = root;
    for (const key of keys.slice(0, -1)) at = (at[key] ??= {}) as Record<string, unknown>;
    at[keys.at(-1) ?? path] = value;
  }
  return root;
}

function problem(code: ErrorCode, message: string): HindcastError {
  return new HindcastError({ code, boundary: "config", message });
}
