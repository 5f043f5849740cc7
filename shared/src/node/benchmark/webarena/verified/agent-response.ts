// Judges the final response of an agent: the type of task, the status, and for tasks that retrieve, the data.
import type { AgentResponseCheck } from "../../../../domain/webarena-reference.ts";
import { limits } from "../../../../limits.ts";
import { compareValues, failure, type Difference } from "./compare-values.ts";
import { depthOf, isNothing, isObject, parseJson, type Json, type JsonObject } from "./json-value.ts";
import { Normalized, type ReadContext } from "./normalized.ts";
import { isObjectOfValues, printedValue, readList, type Reader, type ReadValue } from "./read-values.ts";
import type { TypeRegistry } from "./types/registry.ts";
import { stringType } from "./types/string-types.ts";

export interface ResponseJudgement {
  expected: ReadValue;
  actual: ReadValue;
  differences: Difference[];
}

export interface ResponseReading {
  types: TypeRegistry;
  derender: (text: string) => string;
  /** The task is to retrieve something; only then is the data looked at. */
  isRetrieval: boolean;
}

/** @throws Error where the task itself cannot be read */
export function judgeResponse(
  check: AgentResponseCheck,
  response: Json,
  { types, derender, isRetrieval }: ResponseReading,
): ResponseJudgement {
  const readerOf = (side: ReadContext["side"]): Reader => ({ types, context: { side, derender } });
  const expected = expectedOf(check, readerOf("task"));
  const actual = actualOf(check, response, isRetrieval, readerOf("answer"));
  const differences = compareValues(expected, actual, "agent_response", {
    ordered: false,
    ignoredKeys: new Set(["retrieved_data"]),
  });
  if (isRetrieval && isObjectOfValues(actual)) {
    differences.push(...compareData(expected.retrieved_data ?? null, actual.retrieved_data ?? null, check.ordered));
  }
  return { expected, actual, differences };
}

function expectedOf({ expected, results_schema }: AgentResponseCheck, reader: Reader): { [key: string]: ReadValue } {
  return {
    task_type: readText(expected.task_type, reader),
    status: readText(expected.status, reader),
    retrieved_data: readData(expected.retrieved_data ?? null, results_schema, reader),
  };
}

function actualOf(check: AgentResponseCheck, response: Json, isRetrieval: boolean, reader: Reader): ReadValue {
  const given = responseIn(response);
  if (!isObject(given)) return given;
  const actual: { [key: string]: ReadValue } = {};
  // `performed_operation` is what the type of task was called once.
  const taskType = given.task_type ?? given.performed_operation;
  if (taskType !== undefined) actual.task_type = readText(taskType, reader);
  if (given.status !== undefined) actual.status = readText(given.status, reader);
  const data = isRetrieval ? (given.retrieved_data ?? null) : null;
  actual.retrieved_data = readData(data, check.results_schema, reader);
  return actual;
}

/** Blank texts are as good as none; what is no text cannot be right. */
function readText(value: Json, { context }: Reader): ReadValue {
  if (typeof value !== "string") return value;
  return value.trim() === "" ? null : Normalized.read(stringType, value.trim(), context);
}

function readData(value: Json, schema: JsonObject, reader: Reader): ReadValue {
  if (isNothing(value) && typeof value !== "number" && typeof value !== "boolean") return null;
  return readList(Array.isArray(value) ? value : [value], schema, reader);
}

/** The response itself, out of a fence and out of its JSON where it comes as a text. */
export function responseIn(response: Json): Json {
  const value = typeof response === "string" ? textualResponse(response) : response;
  return isNothing(value) || depthOf(value) > limits.jsonDepthMax ? null : value;
}

function textualResponse(text: string): Json {
  const inner = fenced(text) ?? text.trim();
  return parseJson(inner) ?? inner;
}

/** What the first code block of a text holds. */
function fenced(text: string): string | null {
  const open = text.indexOf("```");
  const close = open === -1 ? -1 : text.indexOf("```", open + 3);
  if (close === -1) return null;
  return text
    .slice(open + 3, close)
    .replace(/^json/, "")
    .trim();
}

function compareData(expected: ReadValue, actual: ReadValue, ordered: boolean): Difference[] {
  if (expected === null && actual === null) return [];
  if (expected === null) {
    return [failure("retrieved_data_unexpected", `Expected no retrieved_data, but got ${printedValue(actual)}`)];
  }
  if (actual === null) {
    return [
      failure(
        "retrieved_data_missing_or_null",
        `Expected retrieved_data to be ${printedValue(expected)}, but got None or empty`,
      ),
    ];
  }
  return compareValues(expected, actual, "retrieved_data", { ordered });
}
