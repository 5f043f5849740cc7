// What the default campaign reads: documentation that is on such a machine anyway, about tools that the sandbox has.
import { existsSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { HindcastError, messageOf } from "@hindcast/shared";
import type { ProcessEnvironment } from "@hindcast/shared/node";
import { type DocumentSource, parseDocumentSource } from "../documents/document-source.ts";

/** Git commands whose pages have examples that work without a network or an editor. */
const gitPages = "git-{add,branch,commit,config,init,log,mv,rm,stash,switch,tag}";

export function documentSources(named: readonly string[], env: ProcessEnvironment): DocumentSource[] {
  if (named.length > 0) return named.map(parse);
  const found = [npmManual(env), gitManual(env)].filter((source) => source !== null);
  if (found.length > 0) return found;
  throw new HindcastError({
    code: "DOCUMENTS_EMPTY",
    boundary: "documents",
    message:
      "neither the npm manual nor the git manual pages are on this machine; name documents of your own with --docs",
  });
}

function parse(text: string): DocumentSource {
  try {
    return parseDocumentSource(text);
  } catch (error) {
    throw new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message: messageOf(error) });
  }
}

/** The Markdown that npm ships with, found through the `npm` on PATH. */
function npmManual(env: ProcessEnvironment): DocumentSource | null {
  const npm = findProgram("npm", env);
  if (npm === null) return null;
  const folder = join(dirname(realpathSync(npm)), "..", "docs", "content", "commands");
  return existsSync(folder) ? { kind: "path", path: folder } : null;
}

function gitManual(env: ProcessEnvironment): DocumentSource | null {
  const canRead = findProgram("man", env) !== null || findProgram("mandoc", env) !== null;
  return canRead && findProgram("git", env) !== null ? { kind: "manual", page: gitPages, section: "1" } : null;
}

function findProgram(name: string, env: ProcessEnvironment): string | null {
  const folders = (env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}
