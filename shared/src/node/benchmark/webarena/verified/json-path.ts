// The part of JSONPath that task files use: members, indexes, wildcards and filters on one member. Besides, a key may be
// a pattern for the names of members: `$.^reply_\d+$`.
import { fits, isPattern } from "./bounded-pattern.ts";
import { isObject, parseJson, type Json, type JsonObject } from "./json-value.ts";

type Step =
  | { kind: "member"; name: string }
  | { kind: "index"; index: number }
  | { kind: "all" }
  | { kind: "filter"; path: string[]; operator: string; value: Json };

/** A key that says where a value is, instead of naming it. */
export function isPath(key: string): boolean {
  return key.startsWith("$") || isPattern(key);
}

/**
 * The value at a path; null where there is none, a list where there are several or the path filters. Texts that are JSON
 * are looked into where nothing is found otherwise.
 * @throws Error where the path cannot be read: paths come from task files
 */
export function valueAt(data: JsonObject, path: string): Json {
  if (path.startsWith("$.^") && path.endsWith("$")) return valueByPattern(data, path.slice(2));
  if (isPattern(path)) return valueByPattern(data, path);
  const steps = stepsOf(path);
  const found = follow(data, steps);
  const values = found.length > 0 ? found : follow(unpacked(data), steps);
  const [only] = values;
  if (values.length === 1 && only !== undefined && !path.includes("?(")) return only;
  return values.length === 0 ? null : values;
}

function valueByPattern(data: JsonObject, pattern: string): Json {
  const values = Object.entries(data).filter(([name]) => fits(pattern, name, { at: "start" }) === true);
  const [only] = values;
  if (values.length === 1 && only !== undefined) return only[1];
  return values.length === 0 ? null : values.map(([, value]) => value);
}

/** Members that are texts of JSON as what they hold. */
function unpacked(value: Json): Json {
  if (Array.isArray(value)) return value.map(unpacked);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      typeof member === "string" ? (parseJson(member) ?? member) : unpacked(member),
    ]),
  );
}

function follow(data: Json, steps: readonly Step[]): Json[] {
  return steps.reduce<Json[]>((values, step) => values.flatMap((value) => take(value, step)), [data]);
}

function take(value: Json, step: Step): Json[] {
  switch (step.kind) {
    case "member": {
      const member = isObject(value) && Object.hasOwn(value, step.name) ? value[step.name] : undefined;
      return member === undefined ? [] : [member];
    }
    case "index": {
      const item = Array.isArray(value) ? value.at(step.index) : undefined;
      return item === undefined ? [] : [item];
    }
    case "all":
      return childrenOf(value);
    case "filter":
      return childrenOf(value).filter((child) => {
        const member = follow(
          child,
          step.path.map((name): Step => ({ kind: "member", name })),
        )[0];
        return member !== undefined && holds(member, step.operator, step.value);
      });
  }
}

function childrenOf(value: Json): Json[] {
  if (Array.isArray(value)) return value;
  return isObject(value) ? Object.values(value) : [];
}

/** Numbers are compared with texts of numbers, because forms send texts. */
function holds(member: Json, operator: string, value: Json): boolean {
  const isNumeric = typeof value === "number" && typeof member === "string" && member.trim() !== "";
  const left = isNumeric ? Number(member) : typeof member === "boolean" ? Number(member) : member;
  if (operator === "==") return left === value;
  if (operator === "!=") return left !== value;
  if (typeof left !== typeof value || (typeof left !== "number" && typeof left !== "string") || value === null)
    return false;
  switch (operator) {
    case "<":
      return left < value;
    case "<=":
      return left <= value;
    case ">":
      return left > value;
    default:
      return left >= value;
  }
}

const patterns = {
  member: /\.([A-Za-z_][\w-]*)/y,
  quoted: /\.?\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/y,
  index: /\[(-?\d{1,9})\]/y,
  all: /\.?\[\*\]|\.\*/y,
  filter:
    /\[\?\(@((?:\.[A-Za-z_][\w-]*)+)\s*(==|!=|<=|>=|<|>)\s*('[^']*'|"[^"]*"|-?\d+(?:\.\d+)?|true|false|null)\s*\)\]/y,
};

function stepsOf(path: string): Step[] {
  const steps: Step[] = [];
  let at = 1;
  const read = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(path);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  while (at < path.length) {
    const member = read(patterns.member) ?? read(patterns.quoted);
    const index = member === null ? read(patterns.index) : null;
    const filter = member === null && index === null ? read(patterns.filter) : null;
    if (member !== null) {
      steps.push({ kind: "member", name: (member[1] ?? member[2] ?? "").replace(/\\(.)/g, "$1") });
    } else if (index !== null) {
      steps.push({ kind: "index", index: Number(index[1]) });
    } else if (filter !== null) {
      const [, names = "", operator = "", literal = ""] = filter;
      steps.push({ kind: "filter", path: names.slice(1).split("."), operator, value: literalOf(literal) });
    } else if (read(patterns.all) === null) {
      throw new Error(`the path ${JSON.stringify(path)} cannot be read at ${JSON.stringify(path.slice(at))}`);
    } else {
      steps.push({ kind: "all" });
    }
  }
  return steps;
}

function literalOf(text: string): Json {
  return text.startsWith("'") || text.startsWith('"') ? text.slice(1, -1) : (parseJson(text) ?? null);
}
