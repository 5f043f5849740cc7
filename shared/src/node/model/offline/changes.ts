// What recorded effects come to, in words: fields of JSON files, settings, branches, tags and commits of a repository,
// files made, moved and removed. Every other offline role that looks back speaks through these.
import type { Effect } from "../../../domain/observation.ts";
import { change, shownPath, type Change } from "./change.ts";
import { jsonChanges } from "./json-changes.ts";
import { repositoryChanges } from "./repository-changes.ts";
import { settingChanges } from "./setting-changes.ts";
import { quoted } from "./text.ts";

/** Lines of a new file that an instruction can reasonably spell out. */
const contentCharactersMax = 200;

/** Changes worth telling; caches, logs and a repository's own bookkeeping are not. */
export function changesOf(effects: readonly Effect[]): Change[] {
  const told = effects.filter((effect) => !isBookkeeping(effect.path));
  const repository = told.filter((effect) => /\/\.git\//.test(effect.path));
  const others = told.filter((effect) => !/\/\.git(?:\/|$)/.test(effect.path));
  const inRepository = repositoryChanges(repository);
  // Going to another commit exchanges files; what was asked for is the move, not each file.
  const isMove = inRepository.some(({ request }) =>
    /^(?:switch|reset|merge|rebase|revert|cherry-pick|stash|take) /.test(request),
  );
  return isMove ? inRepository : [...inRepository, ...fileChanges(others)];
}

function isBookkeeping(path: string): boolean {
  return /\/(?:_logs|_cacache|_update-notifier[^/]*|\.cache|__pycache__)(?:\/|$)|\/\.bash_history$|\/node_modules\/\.package-lock\.json$/.test(
    path,
  );
}

function fileChanges(effects: readonly Effect[]): Change[] {
  const moved = movedFiles(effects);
  const rest = effects.filter((effect) => !moved.some(([from, to]) => effect === from || effect === to));
  return [
    ...moved.map(([from, to]) =>
      change("rename", "renamed", `${quoted(shownPath(from.path))} to ${quoted(shownPath(to.path))}`),
    ),
    ...rest.flatMap(fileChange),
  ];
}

/** Pairs of a removed and a created file with the same text. */
function movedFiles(effects: readonly Effect[]): [Effect, Effect][] {
  const created = new Set(effects.filter((effect) => effect.change === "created"));
  return effects
    .filter((effect) => effect.change === "removed" && effect.before !== null && effect.before !== "")
    .flatMap((removed): [Effect, Effect][] => {
      const match = [...created].find((effect) => effect.after === removed.before);
      if (match === undefined) return [];
      created.delete(match);
      return [[removed, match]];
    });
}

function fileChange(effect: Effect): Change[] {
  const path = quoted(shownPath(effect.path));
  if (effect.change === "removed") return [change("remove", "removed", `the file ${path}`)];
  if (effect.change === "created") return createdFile(effect, path);
  if (effect.before === null || effect.after === null) return [change("update", "updated", `the file ${path}`)];
  const structured = jsonChanges(effect.before, effect.after, path) ?? settingChanges(effect, path);
  return structured ?? textChanges(effect.before, effect.after, path);
}

function createdFile(effect: Effect, path: string): Change[] {
  const settings = settingChanges(effect, path);
  if (settings !== null) return settings;
  const text = effect.after?.trimEnd() ?? "";
  const isShort = text !== "" && text.length <= contentCharactersMax && !text.includes("\n");
  return [change("create", "created", isShort ? `the file ${path} with the line ${quoted(text)}` : `the file ${path}`)];
}

function textChanges(before: string, after: string, path: string): Change[] {
  const old = new Set(before.split("\n"));
  const added = after.split("\n").filter((line) => line.trim() !== "" && !old.has(line));
  const kept = new Set(after.split("\n"));
  const dropped = before.split("\n").filter((line) => line.trim() !== "" && !kept.has(line));
  if (added.length === 1 && dropped.length === 0 && (added[0] ?? "").length <= contentCharactersMax) {
    return [change("add", "added", `the line ${quoted(added[0] ?? "")} to ${path}`)];
  }
  if (added.length === 0 && dropped.length === 1 && (dropped[0] ?? "").length <= contentCharactersMax) {
    return [change("remove", "removed", `the line ${quoted(dropped[0] ?? "")} from ${path}`)];
  }
  return [change("change", "changed", `the file ${path}`)];
}
