// Tasks from templates, in WebArena-Verified's schema. A template says what is asked and how answers are computed from the
// site's database; each row that it finds becomes a task, whose number follows from the template and the row's place.
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from "node:sqlite";
import type { VerifiedCheck, WebArenaSite } from "@hindcast/shared";
import { placeholderOf, VerifiedTask } from "@hindcast/shared/node";

type Value = string | number;

/** How the task can be done by whoever reads pages and sends forms: what checks it before anybody is measured by it. */
export interface Solution {
  /** The page that shows the answer, is the one to reach, or holds the form. Below the place's URL. */
  page: string;
  /** What of the page says it, as people read it; by default the answer itself. */
  shows?: string[];
  /** The form, by a part of its action or by a field that it must have, and what is written into it. */
  form?: FilledForm;
}

export interface FilledForm {
  has: string;
  fields: Record<string, string>;
  /** Below the place's URL, where a script of the page sends it elsewhere, with the form's hidden fields alone. */
  action?: string;
}

export interface Instance {
  values: Record<string, Value>;
  outcome: Outcome;
  solution: Solution;
}

export type Outcome =
  | { kind: "retrieve"; type: "string" | "number" | "currency"; data: Value[] }
  | { kind: "not-found" }
  /** Below the place's URL. */
  | { kind: "navigate"; to: string; query?: Record<string, string> }
  /** The fields are those of the form that matter; of several places any will do. */
  | { kind: "mutate"; post: string | string[]; fields: Record<string, Value>; status?: number };

export interface Template {
  /** Of its own number range by site: its tasks are `id * 100 + place`. */
  id: number;
  role: WebArenaSite;
  /** With `{{name}}` for the values of an instance. */
  intent: string;
  instances: (rows: Rows) => Instance[];
}

export type Row = Record<string, SQLOutputValue>;
export type Rows = (sql: string, ...values: SQLInputValue[]) => Row[];

export interface MadeTask {
  task: VerifiedTask;
  solution: Solution;
}

/** @throws Error where a template finds nothing: the seed and the templates have grown apart */
export function makeTasks(templates: readonly Template[], database: DatabaseSync): MadeTask[] {
  const rows: Rows = (sql, ...values) => database.prepare(sql).all(...values);
  return templates.flatMap((template) => {
    const instances = template.instances(rows);
    if (instances.length === 0) throw new Error(`template ${template.id} finds nothing: ${template.intent}`);
    return instances.map((instance, index) => ({
      task: taskOf(template, instance, template.id * 100 + index),
      solution: instance.solution,
    }));
  });
}

function taskOf({ id, role, intent }: Template, { values, outcome }: Instance, number: number): VerifiedTask {
  return VerifiedTask.parse({
    sites: [role],
    task_id: number,
    intent_template_id: id,
    start_urls: [placeholderOf(role)],
    intent: intent.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
      const value = values[name];
      if (value === undefined) throw new Error(`template ${id} gives no value for {{${name}}}`);
      return String(value);
    }),
    intent_template: intent,
    instantiation_dict: values,
    eval: checksOf(outcome, placeholderOf(role)),
    revision: 1,
  });
}

function checksOf(outcome: Outcome, place: string): unknown[] {
  switch (outcome.kind) {
    case "retrieve":
      return [response("retrieve", { schema: schemaOf(outcome.type), data: outcome.data, status: "SUCCESS" })];
    case "not-found":
      return [response("retrieve", { schema: { type: "null" }, data: null, status: "NOT_FOUND_ERROR" })];
    case "navigate":
      return [done("navigate"), network({ url: `${place}${outcome.to}`, ...queryOf(outcome.query) })];
    case "mutate": {
      const { post, fields, status = 302 } = outcome;
      const texts = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]));
      return [
        done("mutate"),
        network({
          url: typeof post === "string" ? `${place}${post}` : post.map((path) => `${place}${path}`),
          http_method: "POST",
          response_status: status,
          ...(Object.keys(texts).length === 0 ? {} : { post_data: texts }),
        }),
      ];
    }
  }
}

function queryOf(query: Record<string, string> | undefined): object {
  if (query === undefined) return {};
  return { query_params: Object.fromEntries(Object.entries(query).map(([name, value]) => [name, [value]])) };
}

function schemaOf(type: "string" | "number" | "currency"): object {
  const items = type === "currency" ? { type: "number", format: "currency" } : { type };
  return { type: "array", items };
}

function done(type: "navigate" | "mutate"): unknown {
  return response(type, { schema: { type: "null" }, data: null, status: "SUCCESS" });
}

function response(
  type: string,
  { schema, data, status }: { schema: object; data: Value[] | null; status: string },
): unknown {
  const expected = { task_type: type, status, retrieved_data: data };
  return { evaluator: "AgentResponseEvaluator", results_schema: schema, expected };
}

function network(
  expected: Extract<VerifiedCheck, { evaluator: "NetworkEventEvaluator" }>["expected"] | object,
): unknown {
  return { evaluator: "NetworkEventEvaluator", expected };
}

/** `count` of the rows, evenly from the first to the last. */
export function spread<T>(rows: readonly T[], count: number): T[] {
  if (rows.length <= count) return [...rows];
  const step = count === 1 ? 0 : (rows.length - 1) / (count - 1);
  return Array.from({ length: count }, (_, index) => rows[Math.round(index * step)]).filter((row) => row !== undefined);
}

export function text(row: Row, name: string): string {
  return String(row[name]);
}

export function number(row: Row, name: string): number {
  return Number(row[name]);
}
