// The typed columns of the Parquet files. The schema is written by hand, not inferred: a column that happens to be
// empty in one shard must still have the type that it has in the next one.
import { actionText, observationText, type Demonstration } from "@hindcast/shared";
import type { SchemaElement } from "hyparquet-writer";
import { conversationOf } from "./conversation.ts";
import { lineageOf } from "./lineage.ts";

/** A column: its name and its schema subtree in depth-first order, as Parquet stores it. */
interface Column {
  name: string;
  schema: SchemaElement[];
}

type Scalar = Pick<SchemaElement, "type" | "converted_type">;

const text: Scalar = { type: "BYTE_ARRAY", converted_type: "UTF8" };
const integer: Scalar = { type: "INT32" };
const real: Scalar = { type: "DOUBLE" };
const boolean: Scalar = { type: "BOOLEAN" };

const required = (name: string, scalar: Scalar): SchemaElement => ({ name, ...scalar, repetition_type: "REQUIRED" });
const optional = (name: string, scalar: Scalar): SchemaElement => ({ name, ...scalar, repetition_type: "OPTIONAL" });
const flat = (element: SchemaElement): Column => ({ name: element.name, schema: [element] });

/** Parquet's three-level list; `element` is one scalar or a group followed by its fields. */
function list(name: string, element: SchemaElement[]): Column {
  return {
    name,
    schema: [
      { name, repetition_type: "REQUIRED", converted_type: "LIST", num_children: 1 },
      { name: "list", repetition_type: "REPEATED", num_children: 1 },
      ...element,
    ],
  };
}

function listOf(name: string, fields: SchemaElement[]): Column {
  return list(name, [{ name: "element", repetition_type: "REQUIRED", num_children: fields.length }, ...fields]);
}

const columns: readonly Column[] = [
  flat(required("id", text)),
  flat(required("environment", text)),
  flat(required("instruction", text)),
  flat(required("asks_for_answer", boolean)),
  flat(optional("expected_result", text)),
  flat(optional("answer", text)),
  flat(required("initial_observation", text)),
  listOf("steps", [
    required("reason", text),
    required("action_kind", text),
    required("action", text),
    required("observation", text),
    optional("exit_code", integer),
    required("state_hash", text),
    required("summary", text),
  ]),
  listOf("messages", [required("role", text), required("content", text), required("train", boolean)]),
  flat(required("campaign_id", text)),
  flat(required("document_id", text)),
  flat(required("document_source", text)),
  flat(required("task_id", text)),
  flat(required("task_instruction", text)),
  flat(required("instruction_id", text)),
  flat(required("instruction_kind", text)),
  flat(required("episode_id", text)),
  flat(required("window_from", integer)),
  flat(required("window_to", integer)),
  list("kept_steps", [required("element", integer)]),
  listOf("models", [required("purpose", text), required("model", text)]),
  listOf("prompt_hashes", [required("purpose", text), required("sha256", text)]),
  listOf("votes", [
    required("judge", text),
    required("answer", text),
    optional("score", integer),
    required("reason", text),
  ]),
  flat(required("score", real)),
  flat(required("replay", text)),
  flat(required("is_offline", boolean)),
  flat(required("license_note", text)),
];

export const columnNames: readonly string[] = columns.map(({ name }) => name);

export const parquetSchema: SchemaElement[] = [
  { name: "root", num_children: columns.length },
  ...columns.flatMap(({ schema }) => schema),
];

/** One demonstration as a row: a value per column name. */
export function parquetRow(demonstration: Demonstration, flattenSystem = false): Record<string, unknown> {
  const { demonstration_id: id, ...lineage } = lineageOf(demonstration);
  return {
    ...lineage,
    id,
    environment: demonstration.environment,
    instruction: demonstration.instruction.text,
    asks_for_answer: demonstration.instruction.asksForAnswer,
    expected_result: demonstration.instruction.expectedResult,
    answer: demonstration.answer,
    initial_observation: observationText(demonstration.initial),
    steps: demonstration.steps.map(({ reason, action, observation, stateHash, summary }) => ({
      reason,
      action_kind: action.kind,
      action: actionText(action),
      observation: observationText(observation),
      exit_code: observation.kind === "shell" ? observation.exitCode : null,
      state_hash: stateHash,
      summary,
    })),
    messages: conversationOf(demonstration, flattenSystem),
  };
}
