// Judges what the browser sent: a request to the right place that carried the right things, or none where there must be
// none. For tasks that end on a page, only the last page counts.
import type { NetworkEventCheck } from "../../../../domain/webarena-reference.ts";
import { derender } from "../sites.ts";
import { fits } from "./bounded-pattern.ts";
import { compareValues, failure, type Difference } from "./compare-values.ts";
import type { NetworkEvent } from "./har.ts";
import { isPath, valueAt } from "./json-path.ts";
import { isNothing, type Json, type JsonObject } from "./json-value.ts";
import { Normalized, type ReadContext, type ValueType } from "./normalized.ts";
import { isObjectOfValues, readObjects, readOne, type Reader, type ReadValue } from "./read-values.ts";
import type { TypeRegistry } from "./types/registry.ts";
import { haveSamePlace, urlType, type SiteFrame, type UrlOptions } from "./types/url-type.ts";

export interface NetworkJudgement {
  expected: ReadValue;
  /** Of each event that was compared. */
  actual: ReadValue[];
  differences: Difference[];
}

export interface NetworkReading {
  types: TypeRegistry;
  frame: SiteFrame;
  /** The task is to end on a page. */
  isNavigation: boolean;
}

/** @throws Error where the task itself cannot be read, or what counts was not recorded */
export function judgeEvents(
  check: NetworkEventCheck,
  events: readonly NetworkEvent[],
  reading: NetworkReading,
): NetworkJudgement {
  const reader = new EventReader(check, reading);
  const expected = reader.expected();
  const fitting = reader.fitting(events);
  const chosen = check.last_event_only ? fitting.slice(-1) : fitting;
  const actual = chosen.map((event) => reader.actual(event));
  const differences = differencesOf(check, expected, actual);
  const asksForBody = check.expected.response_content !== undefined && !check.should_not_exist;
  if (differences.length > 0 && asksForBody && chosen.some((event) => event.isBodyLost)) {
    throw new Error("the body of an answer that counts was not kept");
  }
  return { expected, actual, differences };
}

function differencesOf(check: NetworkEventCheck, expected: ReadValue, actual: readonly ReadValue[]): Difference[] {
  if (check.should_not_exist) {
    if (actual.length === 0) return [];
    const found = `Found ${actual.length} matching event(s) when none were expected (should_not_exist=True).`;
    return [failure("unexpected_navigation_event", found)];
  }
  if (actual.length === 0) {
    const none = "No matching network event found that satisfies all expected criteria.";
    return [failure("missing_navigation_event", none)];
  }
  const comparison = { ordered: false, ignoreExtraKeys: true };
  const isThere = actual.some((event) => compareValues(expected, event, "network_event", comparison).length === 0);
  if (isThere) return [];
  const checked = `No matching network event found. Checked ${actual.length} event(s) but none matched all expected criteria.`;
  return [failure("missing_navigation_event", checked)];
}

/** Reads what is expected and what was recorded in the same way. */
class EventReader {
  readonly #check: NetworkEventCheck;
  readonly #reading: NetworkReading;
  readonly #url: ValueType;
  /** Of links in headers: the parameters that a check names are not theirs. */
  readonly #link: ValueType;

  constructor(check: NetworkEventCheck, reading: NetworkReading) {
    this.#check = check;
    this.#reading = reading;
    const schema = check.query_params_schema;
    const options: UrlOptions = {
      frame: reading.frame,
      decodeBase64Query: check.decode_base64_query,
      ignoredParams: check.ignored_query_params ?? [],
      ignoredPatterns: check.ignored_query_params_patterns ?? [],
      ...(schema === undefined
        ? {}
        : { readQuery: (query, context) => readQueryBy(schema, query, { types: reading.types, context }) }),
    };
    const query = check.expected.query_params;
    this.#link = urlType(options);
    this.#url = query === undefined ? this.#link : urlType({ ...options, query });
  }

  #reader(side: ReadContext["side"]): Reader {
    const { types, frame } = this.#reading;
    return { types, context: { side, derender: (text) => derender(text, frame.sites, frame.urls) ?? text } };
  }

  expected(): { [key: string]: ReadValue } {
    const { expected } = this.#check;
    const reader = this.#reader("task");
    const { post_data, response_content, response_cookies, headers } = expected;
    return {
      url: Normalized.read(this.#url, expected.url, reader.context),
      http_method: expected.http_method,
      response_status: expected.response_status,
      post_data: this.#postData(post_data ?? null, null, reader),
      response_content: isNothing(response_content) ? null : (response_content ?? null),
      response_cookies: readTexts(response_cookies ?? null, reader),
      ...(headers === undefined ? {} : { headers: this.#headers(headers, reader) }),
    };
  }

  actual(event: NetworkEvent): { [key: string]: ReadValue } {
    const { expected } = this.#check;
    const reader = this.#reader("recording");
    const keysOf = (wanted: JsonObject | undefined): string[] | null =>
      wanted === undefined || isNothing(wanted) ? null : Object.keys(wanted);
    const headers = expected.headers === undefined ? null : namedHeaders(event, Object.keys(expected.headers));
    const cookies = event.responseCookies;
    const cookieNames = Object.keys(expected.response_cookies ?? {}).filter((name) => cookies.has(name));
    return {
      url: readOneUrl(event.url, this.#url, reader),
      http_method: event.method,
      response_status: event.status,
      // A check that names no member asks for none.
      post_data: isNothing(expected.post_data)
        ? null
        : this.#postData(event.postData, keysOf(expected.post_data), reader),
      response_content: isNothing(expected.response_content)
        ? null
        : picked(event.responseContent, keysOf(expected.response_content), { keepMissing: false }),
      response_cookies: readTexts(
        Object.fromEntries(cookieNames.map((name) => [name, cookies.get(name) ?? ""])),
        reader,
      ),
      ...(headers === null ? {} : { headers: this.#headers(headers, reader) }),
    };
  }

  #postData(data: JsonObject | null, keys: string[] | null, reader: Reader): ReadValue {
    if (data === null || isNothing(data)) return null;
    const ignored = this.#check.ignored_post_data_params_patterns ?? [];
    const kept = Object.fromEntries(
      Object.entries(data).filter(
        ([name]) => !ignored.some((pattern) => fits(pattern, name, { at: "anywhere" }) === true),
      ),
    );
    const chosen = picked(kept, keys, { keepMissing: true });
    if (isNothing(chosen)) return chosen;
    return readObjects(chosen ?? {}, this.#check.post_data_schema ?? {}, reader);
  }

  #headers(headers: JsonObject, reader: Reader): ReadValue {
    return Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        ["redirect_url", "referer"].includes(name) && !isNothing(value)
          ? readOneUrl(value, this.#link, reader)
          : readOne(value, "string", reader),
      ]),
    );
  }

  /** Events that go where the task wants; for a task that ends on a page, the last page that was gone to. */
  fitting(events: readonly NetworkEvent[]): NetworkEvent[] {
    const { expected } = this.#check;
    if (this.#reading.isNavigation && expected.http_method === "GET") {
      return events.filter((event) => event.isNavigation).slice(-1);
    }
    const [task, recorded] = [this.#reader("task"), this.#reader("recording")];
    const url = Normalized.read(this.#link, expected.url, task.context);
    const link = expected.headers?.referer;
    const referer = link === undefined ? null : Normalized.read(this.#link, link, task.context);
    return events.filter((event) => {
      if (event.method.toLowerCase() !== expected.http_method.toLowerCase()) return false;
      if (!this.#goesTo(url, event.url, recorded)) return false;
      const from = event.headers.get("referer")?.toLowerCase() ?? "";
      return referer === null || from === "" || this.#goesTo(referer, from, recorded);
    });
  }

  /** What is no URL goes nowhere. */
  #goesTo(wanted: Normalized, url: string, reader: Reader): boolean {
    const read = readOneUrl(url, this.#link, reader);
    return read instanceof Normalized && haveSamePlace(wanted, read, this.#reading.frame);
  }
}

function readOneUrl(value: Json, type: ValueType, reader: Reader): ReadValue {
  try {
    return Normalized.read(type, value, reader.context);
  } catch (error) {
    if (reader.context.side === "task") throw error;
    return value;
  }
}

/** The members that are asked for, those with paths as keys from deeper down. */
function picked(
  data: JsonObject | null,
  keys: string[] | null,
  { keepMissing }: { keepMissing: boolean },
): JsonObject | null {
  if (data === null || isNothing(data) || keys === null) return isNothing(data) ? null : data;
  return Object.fromEntries(
    keys
      .map((key) => key.trim())
      .filter((key) => keepMissing || isPath(key) || Object.hasOwn(data, key))
      .map((key) => [key, isPath(key) ? valueAt(data, key) : Object.hasOwn(data, key) ? (data[key] ?? null) : null]),
  );
}

function namedHeaders(event: NetworkEvent, names: readonly string[]): JsonObject | null {
  const found = names.filter((name) => event.headers.has(name.toLowerCase()));
  if (found.length === 0) return null;
  return Object.fromEntries(found.map((name) => [name, event.headers.get(name.toLowerCase()) ?? ""]));
}

function readTexts(texts: JsonObject | null, reader: Reader): ReadValue {
  if (texts === null || isNothing(texts)) return null;
  return Object.fromEntries(Object.entries(texts).map(([name, value]) => [name, readOne(value, "string", reader)]));
}

type QueryValues = ReadonlyMap<string, readonly unknown[]>;

/** Parameters as lists of typed values. */
function readQueryBy(schema: JsonObject, query: QueryValues, reader: Reader): QueryValues {
  const given = Object.fromEntries([...query].map(([name, values]) => [name, [...values] as Json[]]));
  const read = readObjects(given, schema, reader);
  return new Map(
    Object.entries(isObjectOfValues(read) ? read : {}).map(([name, value]) => [
      name,
      Array.isArray(value) ? value : [value],
    ]),
  );
}
