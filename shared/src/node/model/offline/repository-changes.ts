// Reads what happened to a git repository from the text files under `.git`: references, HEAD and its log, settings.
import type { Effect } from "../../../domain/observation.ts";
import { change, shownPath, type Change } from "./change.ts";
import { settingChanges } from "./setting-changes.ts";
import { englishList, quoted } from "./text.ts";

export function repositoryChanges(effects: readonly Effect[]): Change[] {
  if (effects.length === 0) return [];
  const at = (suffix: string): Effect | undefined => effects.find((effect) => effect.path.endsWith(`/.git/${suffix}`));
  const head = at("HEAD");
  if (head?.change === "created") {
    const folder = shownPath(head.path).replace(/\/?\.git\/HEAD$/, "");
    return [
      change(
        "create",
        "created",
        folder === "" || folder === ".git/HEAD" ? "a git repository here" : `a git repository in ${quoted(folder)}`,
      ),
      ...logChanges(at("logs/HEAD")),
    ];
  }
  const logged = logChanges(at("logs/HEAD"));
  const changes = [...logged, ...branchChanges(effects), ...tagChanges(effects), ...otherReferences(effects)];
  const config = at("config");
  const settings = config === undefined ? null : settingChanges(config, "the repository's settings");
  const isRename = changes.some(({ request }) => request.startsWith("rename the branch"));
  const all = [...changes, ...(isRename ? [] : (settings ?? []))];
  if (all.length > 0)
    return all.filter((one, index) => all.findIndex((other) => other.request === one.request) === index);
  return [];
}

/** New lines of HEAD's log say which operation moved it. */
function logChanges(log: Effect | undefined): Change[] {
  if (log?.after === null || log === undefined || log.change === "removed") return [];
  const before = log.before?.split("\n").length ?? 0;
  const lines = log.after.split("\n").filter((line) => line !== "");
  const added =
    log.before === null && log.change === "modified" ? lines.slice(-1) : lines.slice(Math.max(0, before - 1));
  return added.flatMap((line) => logChange(line.split("\t").slice(1).join("\t")));
}

function logChange(message: string): Change[] {
  const rules: readonly [RegExp, (...parts: string[]) => Change][] = [
    [
      /^commit \(amend\): (.*)/,
      (text) => change("amend", "amended", `the last commit so that its message is ${quoted(text)}`),
    ],
    [
      /^commit(?: \(initial\))?: (.*)/,
      (text) => change("commit", "committed", `the changes with the message ${quoted(text)}`),
    ],
    [/^commit \(merge\): (.*)/, (text) => change("commit", "committed", `the merge with the message ${quoted(text)}`)],
    [
      /^merge (.+?): /,
      (names) => change("merge", "merged", `${englishList(names.split(" ").map(quoted))} into the current branch`),
    ],
    [
      /^checkout: moving from (\S+) to (\S+)/,
      (from, to) => change("switch", "switched", `from ${quoted(from ?? "")} to ${quoted(to ?? "")}`),
    ],
    [/^reset: moving to (\S+)/, (to) => change("reset", "reset", `the current branch to ${quoted(to)}`)],
    [/^cherry-pick: (.*)/, (text) => change("cherry-pick", "cherry-picked", `the commit ${quoted(text)}`)],
    [/^revert: Revert "(.*)"/, (text) => change("revert", "reverted", `the commit ${quoted(text)}`)],
    [
      /^rebase \(finish\): returning to refs\/heads\/(\S+)/,
      (name) => change("rebase", "rebased", `the branch ${quoted(name)}`),
    ],
    [
      /^Branch: renamed refs\/heads\/(\S+) to refs\/heads\/(\S+)/,
      (from, to) => change("rename", "renamed", `the branch ${quoted(from ?? "")} to ${quoted(to ?? "")}`),
    ],
  ];
  for (const [pattern, make] of rules) {
    const match = pattern.exec(message);
    if (match !== null) return [make(...match.slice(1).map((part) => part ?? ""))];
  }
  return [];
}

function references(
  effects: readonly Effect[],
  folder: string,
): { created: [string, Effect][]; removed: [string, Effect][]; modified: [string, Effect][] } {
  const named = effects.flatMap((effect): [string, Effect][] => {
    const name = new RegExp(`/\\.git/refs/${folder}/(.+?)/?$`).exec(effect.path)?.[1];
    return name === undefined || effect.path.endsWith("/") ? [] : [[name, effect]];
  });
  const by = (kind: Effect["change"]): [string, Effect][] => named.filter(([, effect]) => effect.change === kind);
  return { created: by("created"), removed: by("removed"), modified: by("modified") };
}

function branchChanges(effects: readonly Effect[]): Change[] {
  const { created, removed } = references(effects, "heads");
  const renamed = removed.flatMap(([from, effect]) => {
    const match = created.find(([, other]) => other.after !== null && other.after === effect.before);
    return match === undefined || removed.length !== created.length ? [] : [{ from, to: match[0] }];
  });
  const old = new Set(renamed.map(({ from }) => from));
  const fresh = new Set(renamed.map(({ to }) => to));
  return [
    ...renamed.map(({ from, to }) => change("rename", "renamed", `the branch ${quoted(from)} to ${quoted(to)}`)),
    ...created
      .filter(([name]) => !fresh.has(name))
      .map(([name]) => change("create", "created", `the branch ${quoted(name)}`)),
    ...removed
      .filter(([name]) => !old.has(name))
      .map(([name]) => change("delete", "deleted", `the branch ${quoted(name)}`)),
  ];
}

function tagChanges(effects: readonly Effect[]): Change[] {
  const { created, removed, modified } = references(effects, "tags");
  return [
    ...created.map(([name]) => change("create", "created", `the tag ${quoted(name)}`)),
    ...modified.map(([name]) => change("move", "moved", `the tag ${quoted(name)}`)),
    ...removed.map(([name]) => change("delete", "deleted", `the tag ${quoted(name)}`)),
  ];
}

function otherReferences(effects: readonly Effect[]): Change[] {
  const stash = effects.find((effect) => effect.path.endsWith("/.git/refs/stash"));
  const notes = references(effects, "notes");
  const remotes = references(effects, "remotes");
  return [
    ...(stash === undefined
      ? []
      : [
          stash.change === "removed"
            ? change("take", "took", "the stashed changes off the stash")
            : change("stash", "stashed", "the uncommitted changes"),
        ]),
    ...[...notes.created, ...notes.modified].map(([name]) => change("add", "added", `a note under ${quoted(name)}`)),
    ...[...remotes.created, ...remotes.modified].map(([name]) =>
      change("update", "updated", `the remote-tracking branch ${quoted(name)}`),
    ),
  ];
}
