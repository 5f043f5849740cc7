import type { Effect } from "../../../domain/observation.ts";
import { change, type Change } from "./change.ts";
import { quoted } from "./text.ts";

/** Changes of a settings file (`key = value` lines, sections in brackets); null when it is none. */
export function settingChanges(effect: Effect, path: string): Change[] | null {
  if (!/(?:config|rc|\.ini|\.cfg|\.conf|\.properties|\.toml)$/.test(effect.path)) return null;
  const old = settings(effect.before ?? "");
  const now = settings(effect.after ?? "");
  const added = [...now].filter(([key, value]) => old.get(key) !== value);
  const removed = [...old.keys()].filter((key) => !now.has(key));
  if (added.length + removed.length === 0) return null;
  return [
    ...added.map(([key, value]) => change("set", "set", `${quoted(key)} to ${quoted(value)} in ${path}`)),
    ...removed.map((key) => change("remove", "removed", `the setting ${quoted(key)} from ${path}`)),
  ];
}

/** `[section "name"]` and `key = value` as `section.name.key` → value; repeated keys are joined. */
export function settings(text: string): Map<string, string> {
  const found = new Map<string, string>();
  let section = "";
  for (const line of text.split("\n")) {
    const header = /^\s*\[\s*([^\]\s"]+)(?:\s+"([^"]*)")?\s*\]/.exec(line);
    if (header !== null) {
      section = [header[1], header[2]].filter((part) => part !== undefined).join(".");
      continue;
    }
    const entry = /^\s*([^\s#;=][^=]*?)\s*=\s*(.*?)\s*$/.exec(line);
    if (entry === null) continue;
    const key = `${section === "" ? "" : `${section}.`}${entry[1] ?? ""}`;
    const before = found.get(key);
    found.set(key, before === undefined ? (entry[2] ?? "") : `${before}, ${entry[2] ?? ""}`);
  }
  return found;
}
