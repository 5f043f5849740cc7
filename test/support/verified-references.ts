// References of WebArena-Verified tasks, requests as a browser records them, and how they are judged.
import { WebArenaVerifiedReference } from "../../shared/src/domain/webarena-reference.ts";
import {
  evaluateVerified,
  type VerifiedResult,
} from "../../shared/src/node/benchmark/webarena/verified/evaluate-verified.ts";
import { type NetworkEvent, readHar } from "../../shared/src/node/benchmark/webarena/verified/har.ts";
import type { Json } from "../../shared/src/node/benchmark/webarena/verified/json-value.ts";

export const sites = { gitlab: ["http://git.test"], shopping_admin: ["http://shop.test/admin"] };

export function reference(
  taskType: string,
  data: Json,
  schema: object,
  ...checks: object[]
): WebArenaVerifiedReference {
  return WebArenaVerifiedReference.parse({
    kind: "webarena-verified",
    taskId: 1,
    templateId: 2,
    revision: 1,
    sites: ["gitlab"],
    eval: [
      {
        evaluator: "AgentResponseEvaluator",
        results_schema: schema,
        expected: { task_type: taskType, status: "SUCCESS", retrieved_data: data },
      },
      ...checks,
    ],
  });
}

const threeStrings = reference("retrieve", ["a", ["b", "c"]], { type: "array", items: { type: "string" } });

export function respond(response: Json, task = threeStrings): VerifiedResult {
  return evaluateVerified({ reference: task, response, events: [], sites });
}

type Body = { mimeType: string; text: string };

export interface Sent {
  method?: string;
  url?: string;
  status?: number;
  headers?: Record<string, string>;
  body?: Body;
  content?: object;
  /** Of a body that was not kept. */
  size?: number;
  cookies?: Record<string, string>;
}

export function events(...sent: Sent[]): NetworkEvent[] {
  const pairs = (record: Record<string, string> = {}): object[] =>
    Object.entries(record).map(([name, value]) => ({ name, value }));
  const entries = sent.map(({ method = "POST", url = "http://git.test/notes", status = 200, ...rest }) => ({
    request: { method, url, headers: pairs(rest.headers), ...(rest.body === undefined ? {} : { postData: rest.body }) },
    response: {
      status,
      cookies: pairs(rest.cookies),
      ...(rest.size === undefined ? {} : { content: { mimeType: "application/json", size: rest.size } }),
      ...(rest.content === undefined
        ? {}
        : { content: { mimeType: "application/json", text: JSON.stringify(rest.content) } }),
    },
  }));
  return readHar(Buffer.from(JSON.stringify({ log: { entries } })), "test.har").events;
}

export const form = (text: string): Body => ({ mimeType: "application/x-www-form-urlencoded", text });
export const json = (value: unknown): Body => ({ mimeType: "application/json", text: JSON.stringify(value) });
export const done = { task_type: "MUTATE", status: "SUCCESS", retrieved_data: null };

export function network(check: object, recorded: NetworkEvent[], taskType = "mutate"): string {
  const task = reference(taskType, null, { type: "null" }, { evaluator: "NetworkEventEvaluator", ...check });
  const response = { ...done, task_type: taskType };
  return evaluateVerified({ reference: task, response, events: recorded, sites }).status;
}
