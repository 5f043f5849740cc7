// What every verb gets: where it runs, how it prints, when to stop, and the configuration of this very call.
import { resolve } from "node:path";
import type { ProcessEnvironment } from "@hindcast/shared/node";
import type { Command } from "commander";
import { leafAt, valueOfText } from "../config/leaves.ts";
import { loadConfig, unknownKey, type LoadedConfig } from "../config/load.ts";
import { Interruption } from "./interruption.ts";
import { Terminal } from "./terminal.ts";

export interface CommandContext {
  workingDirectory: string;
  env: ProcessEnvironment;
  interruption: Interruption;
  terminal: Terminal;
  loaded: LoadedConfig;
  /** Absolute. */
  dataDirectory: string;
}

interface GlobalOptions {
  json?: boolean;
  config?: string;
  data?: string;
  set: string[];
}

/** A flag that sets one setting. */
export interface SettingFlag {
  flags: string;
  path: string;
  description: string;
  /** For a flag that takes no value. */
  value?: unknown;
}

export function addSettingFlags(command: Command, settings: readonly SettingFlag[]): Command {
  for (const { flags, description, path, value } of settings) {
    const leaf = leafAt(path);
    const isList = value === undefined && leaf !== undefined && Array.isArray(valueOfText(leaf, ""));
    if (isList) command.option(flags, description, repeatable);
    else command.option(flags, description);
  }
  return command;
}

/** Collects an option that may be given many times. */
export function repeatable(item: string, items: string[] | undefined): string[] {
  return [...(items ?? []), item];
}

/**
 * @param first settings that those of flags are put over
 * @throws CONFIG_INVALID, CONFIG_UNKNOWN_KEY
 */
export function commandContext(
  command: Command,
  settings: readonly SettingFlag[] = [],
  first: readonly FlagValue[] = [],
): CommandContext {
  const options = command.optsWithGlobals<GlobalOptions>();
  const interruption = new Interruption();
  interruption.listen();
  const workingDirectory = process.cwd();
  const loaded = loadConfig({
    workingDirectory,
    env: process.env,
    ...(options.config === undefined ? {} : { file: options.config }),
    flags: [...first, ...dataFlag(options), ...settingFlags(command, settings), ...options.set.map(setFlag)],
  });
  return {
    workingDirectory,
    env: process.env,
    interruption,
    terminal: terminalOf(command),
    loaded,
    dataDirectory: resolve(workingDirectory, loaded.config.cluster.dataDirectory),
  };
}

export function terminalOf(command: Command): Terminal {
  return new Terminal({ isJson: command.optsWithGlobals<GlobalOptions>().json === true, env: process.env });
}

/** A setting and what set it. */
export type FlagValue = { path: string; value: unknown; flag: string };

function dataFlag({ data }: GlobalOptions): FlagValue[] {
  return data === undefined ? [] : [{ path: "cluster.dataDirectory", value: data, flag: "--data" }];
}

function settingFlags(command: Command, settings: readonly SettingFlag[]): FlagValue[] {
  return settings.flatMap(({ flags, path, value }) => {
    const long = /--[a-z-]+/.exec(flags)?.[0] ?? flags;
    const option = command.options.find((candidate) => candidate.long === long);
    const given: unknown = option === undefined ? undefined : command.getOptionValue(option.attributeName());
    if (option === undefined || command.getOptionValueSource(option.attributeName()) !== "cli") return [];
    const leaf = leafAt(path);
    if (leaf === undefined) throw unknownKey(path, long);
    return [{ path, value: value ?? (typeof given === "string" ? valueOfText(leaf, given) : given), flag: long }];
  });
}

/** `--set campaign.limits.stepsMax=40`: any setting there is. */
function setFlag(text: string): FlagValue {
  const at = text.indexOf("=");
  const path = at === -1 ? text : text.slice(0, at);
  const leaf = leafAt(path);
  if (leaf === undefined) throw unknownKey(path, "--set");
  return { path, value: at === -1 ? undefined : valueOfText(leaf, text.slice(at + 1)), flag: "--set" };
}
