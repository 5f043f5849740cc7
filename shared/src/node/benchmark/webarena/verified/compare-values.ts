// Compares what was read of a task with what was read of an answer or a recording, part by part. The list of differences
// is empty where they are the same; each difference has a name and messages, in the published evaluator's words.
import { limits } from "../../../../limits.ts";
import { Normalized } from "./normalized.ts";
import { isObjectOfValues, printedValue, readAsText, type ReadValue } from "./read-values.ts";

export interface Difference {
  assertion_name: string;
  status: "failure" | "error";
  assertion_msgs: string[];
}

export interface Comparison {
  /** Whether lists are compared in order. */
  ordered: boolean;
  /** Members whose values are compared elsewhere. */
  ignoredKeys?: ReadonlySet<string>;
  ignoreExtraKeys?: boolean;
}

export function compareValues(
  expected: ReadValue,
  actual: ReadValue | undefined,
  path: string,
  comparison: Comparison,
): Difference[] {
  if (expected === null && (actual ?? null) === null) return [];
  if (expected === null || actual === null || actual === undefined) {
    return [failure(`${path}_none_mismatch`, `Expected ${printedValue(expected)}, got ${printedValue(actual)}`)];
  }
  if (Array.isArray(expected)) return compareLists(expected, actual, path, comparison);
  if (isObjectOfValues(expected)) return compareObjects(expected, actual, path, comparison);
  if (areEqual(expected, actual)) return [];
  return [failure(`${path}_mismatch`, `Expected ${printedValue(expected)}, got ${printedValue(actual)}`)];
}

export function failure(name: string, ...messages: string[]): Difference {
  return {
    assertion_name: name,
    status: "failure",
    assertion_msgs: messages.map((message) => message.slice(0, 4_000)),
  };
}

function areEqual(expected: ReadValue, actual: ReadValue): boolean {
  if (expected instanceof Normalized) {
    if (typeof actual === "string") return expected.equals(readAsText(actual, { side: "answer" }));
    return expected.equals(actual);
  }
  // As in Python, true is 1.
  const [one, two] = [expected, actual].map((value) => (typeof value === "boolean" ? Number(value) : value));
  return one === two;
}

function compareObjects(
  expected: { [key: string]: ReadValue },
  actual: ReadValue,
  path: string,
  comparison: Comparison,
): Difference[] {
  if (!isObjectOfValues(actual)) {
    return [failure(`${path}_invalid_format`, `Expected a structured object, but got: ${kindOf(actual)}`)];
  }
  const missing = Object.keys(expected).filter((key) => !Object.hasOwn(actual, key));
  const extra = Object.keys(actual).filter((key) => !Object.hasOwn(expected, key));
  const messages = [
    ...(extra.length > 0 && comparison.ignoreExtraKeys !== true
      ? [`Extra keys in actual object: ${printedList(extra)}`]
      : []),
    ...(missing.length > 0 ? [`Missing keys in actual object: ${printedList(missing)}`] : []),
  ];
  const differences = messages.length > 0 ? [failure(`${path}_keys_mismatch`, ...messages)] : [];
  for (const [key, value] of Object.entries(expected)) {
    if (comparison.ignoredKeys?.has(key) === true || !Object.hasOwn(actual, key)) continue;
    differences.push(...compareValues(value, actual[key], `${path}.${key}`, comparison));
  }
  return differences;
}

function compareLists(
  expected: readonly ReadValue[],
  actual: ReadValue,
  path: string,
  comparison: Comparison,
): Difference[] {
  if (!Array.isArray(actual)) {
    return [failure(`${path}_invalid_format`, `Expected an array, but got: ${kindOf(actual)}`)];
  }
  if (actual.length > limits.comparedItemsMax) {
    return [failure(`${path}_array_values_mismatch`, `Array has ${actual.length} elements, more than any answer`)];
  }
  return comparison.ordered
    ? inOrder(expected, actual, path, comparison)
    : inAnyOrder(expected, actual, path, comparison);
}

/** Each expected element takes the first element that equals it and was not taken yet. */
function inAnyOrder(
  expected: readonly ReadValue[],
  actual: readonly ReadValue[],
  path: string,
  comparison: Comparison,
): Difference[] {
  const free = new Set(actual.keys());
  let matched = 0;
  for (const [index, value] of expected.entries()) {
    const found = [...free].find(
      (at) => compareValues(value, actual[at], `${path}[${index}]`, comparison).length === 0,
    );
    if (found === undefined) continue;
    free.delete(found);
    matched += 1;
  }
  const missing = expected.length - matched;
  if (missing === 0 && free.size === 0) return [];
  const count = `(${matched}/${expected.length})`;
  const message =
    missing === 0
      ? `Array contains all expected elements ${count} but has ${free.size} extra element(s)`
      : free.size === 0
        ? `Array is missing ${missing} expected element(s). Matched ${count}`
        : `Array value mismatch (unordered). Matched ${count}, Missing: ${missing}, Extra: ${free.size}`;
  return [failure(`${path}_array_values_mismatch`, message, contrast(expected, actual))];
}

function inOrder(
  expected: readonly ReadValue[],
  actual: readonly ReadValue[],
  path: string,
  comparison: Comparison,
): Difference[] {
  const common = Math.min(expected.length, actual.length);
  const differences: Difference[] = [];
  let matched = 0;
  for (const [index, value] of expected.slice(0, common).entries()) {
    const found = compareValues(value, actual[index], `${path}[${index}]`, comparison);
    if (found.length === 0) matched += 1;
    differences.push(...found);
  }
  if (expected.length !== actual.length) {
    const message = `Array value mismatch (ordered). Matched (${matched}/${expected.length})`;
    differences.push(failure(`${path}_array_values_mismatch`, message, contrast(expected, actual)));
  }
  return differences;
}

function contrast(expected: readonly ReadValue[], actual: readonly ReadValue[]): string {
  return `Expected: ${shortList(expected)}, Got: ${shortList(actual)}`;
}

/** The first two and the last element of a longer list. */
function shortList(values: readonly ReadValue[]): string {
  const shown = values.map((value) => printedValue(value));
  const [first, second] = shown;
  return `[${shown.length <= 3 ? shown.join(", ") : `${first}, ${second}, ..., ${shown.at(-1)}`}]`;
}

function printedList(names: readonly string[]): string {
  return `[${names
    .toSorted()
    .map((name) => `'${name}'`)
    .join(", ")}]`;
}

/** In Python's words. */
function kindOf(value: ReadValue): string {
  if (value instanceof Normalized) return value.type.name;
  if (Array.isArray(value)) return "tuple";
  switch (typeof value) {
    case "string":
      return "str";
    case "boolean":
      return "bool";
    case "number":
      return Number.isInteger(value) ? "int" : "float";
    default:
      return value === null ? "NoneType" : "dict";
  }
}
