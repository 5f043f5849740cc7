import { existsSync, readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { HindcastError, messageOf } from "@hindcast/shared";
import { parseDocument } from "yaml";

export const configFileNames = ["hindcast.config.yaml", "hindcast.config.yml", "hindcast.config.json"];

export interface ConfigFile {
  name: string;
  content: object;
}

/** @throws CONFIG_INVALID when the file cannot be read or parsed, or when there are several to choose from. */
export function readConfigFile(workingDirectory: string, named?: string): ConfigFile | null {
  const found =
    named === undefined ? configFileNames.filter((name) => existsSync(resolve(workingDirectory, name))) : [named];
  if (found.length > 1) throw invalid(`there are ${found.join(" and ")}: keep one, or name one with --config`);
  const name = found[0];
  if (name === undefined) return null;
  const path = resolve(workingDirectory, name);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw invalid(`${name} cannot be read: ${messageOf(error)}`);
  }
  const content = parseText(basename(name), text);
  if (content === null) return { name, content: {} };
  if (typeof content !== "object" || Array.isArray(content))
    throw invalid(`${name} holds no settings but a single value`);
  const { $schema: _editorHint, ...settings } = content as Record<string, unknown>;
  return { name, content: settings };
}

/** YAML, of which JSON is a part. Duplicate keys and unknown tags are refused too. */
function parseText(name: string, text: string): unknown {
  const document = parseDocument(text, { prettyErrors: true });
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) {
    const at = problem.linePos?.[0];
    const place = at === undefined ? name : `${name}:${at.line}:${at.col}`;
    // The parser repeats the place behind its sentence.
    const why = problem.message.split("\n")[0]?.replace(/ at line \d+, column \d+:?$/, "");
    throw invalid(`${place} is not valid ${name.endsWith(".json") ? "JSON" : "YAML"}: ${why}`);
  }
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw invalid(`${name} is not valid YAML: ${messageOf(error)}`);
  }
}

function invalid(message: string): HindcastError {
  return new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
}
