import { change, type Change } from "./change.ts";
import { quoted } from "./text.ts";

/** More changed fields than this are told as a changed file. */
const fieldsMax = 8;

/** Field by field what changed between two JSON texts; null when either is no JSON object. */
export function jsonChanges(before: string, after: string, path: string): Change[] | null {
  const old = parsed(before);
  const now = parsed(after);
  if (old === null || now === null) return null;
  const fields = fieldChanges(old, now, "");
  if (fields.length === 0 || fields.length > fieldsMax) return [change("update", "updated", `the file ${path}`)];
  return fields.map(({ field, value }) =>
    value === undefined
      ? change("remove", "removed", `the field ${quoted(field)} from ${path}`)
      : change("set", "set", `${quoted(field)} to ${valueText(value)} in ${path}`),
  );
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fieldChanges(old: unknown, now: unknown, field: string): { field: string; value: unknown }[] {
  if (JSON.stringify(old) === JSON.stringify(now)) return [];
  if (isObject(now) && (isObject(old) || old === undefined) && Object.keys(now).length > 0) {
    const before = isObject(old) ? old : {};
    const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    return keys.flatMap((key) => fieldChanges(before[key], now[key], field === "" ? key : `${field}.${key}`));
  }
  if (Array.isArray(now) && (Array.isArray(old) || old === undefined) && now.length >= (old?.length ?? 0)) {
    return now.flatMap((item, index) => fieldChanges(old?.[index], item, `${field}[${index}]`));
  }
  return [{ field, value: now }];
}

function valueText(value: unknown): string {
  return quoted(typeof value === "string" ? value : JSON.stringify(value));
}
