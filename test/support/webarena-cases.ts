// Answers and requests that are right for a published task, and small changes to them: what differential tests compare.
import type { NetworkEventCheck } from "@hindcast/shared";
import { renderSites, type SiteUrls } from "@hindcast/shared/node";

export const sites: SiteUrls = {
  shopping: ["http://shop.test:7770"],
  shopping_admin: ["http://shop.test:7780/admin"],
  reddit: ["http://forum.test:9999"],
  gitlab: ["http://git.test:8023"],
  wikipedia: ["http://wiki.test:8888"],
  map: ["http://map.test:3000"],
};

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

export interface Sent {
  method: string;
  url: string;
  status: number;
  headers: JsonObject;
  post: JsonObject | null;
  content: JsonObject | null;
  cookies: JsonObject;
}

/** The first of a task's alternatives, all the way down; a list is one of alternatives unless the schema has a list. */
export function firstOf(value: Json, schema: JsonObject): Json {
  const items = (schema.items ?? {}) as JsonObject;
  if (Array.isArray(value)) {
    return schema.type === "array" ? value.map((item) => firstOf(item, items)) : firstOf(value[0] ?? null, schema);
  }
  if (typeof value === "object" && value !== null) {
    const properties = (schema.properties ?? {}) as JsonObject;
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [key, firstOf(member, (properties[key] ?? {}) as JsonObject)]),
    );
  }
  return typeof value === "string" ? exampleOf(value) : value;
}

/** A text that fits a pattern of the kinds that task files use, as short as may be; other texts as they are. */
export function exampleOf(text: string): string {
  return text.startsWith("^") && text.endsWith("$") ? new Example(text.slice(1, -1)).alternatives() : text;
}

class Example {
  #at = 0;
  readonly #pattern: string;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  /** Up to the end or the group's: what the first alternative matches. */
  alternatives(): string {
    const [first = ""] = this.#all();
    return first;
  }

  #all(): string[] {
    const found = [""];
    for (; this.#at < this.#pattern.length && this.#pattern[this.#at] !== ")";) {
      if (this.#pattern[this.#at] === "|") {
        this.#at += 1;
        found.push("");
      } else {
        found.push(`${found.pop() ?? ""}${this.#repeated()}`);
      }
    }
    return found;
  }

  #repeated(): string {
    const isAnything = this.#pattern[this.#at] === ".";
    const one = this.#atom();
    const [, sign, count] = /^(?:([*+?])|\{(\d+)(?:,\d*)?\})\??/.exec(this.#pattern.slice(this.#at)) ?? [];
    this.#at +=
      sign === undefined && count === undefined
        ? 0
        : /^(?:[*+?]|\{[^}]*\})\??/.exec(this.#pattern.slice(this.#at))![0].length;
    if (sign === "?" || (sign === "*" && !isAnything)) return "";
    return count === undefined ? one : one.repeat(Number(count));
  }

  #atom(): string {
    const rest = this.#pattern.slice(this.#at);
    const isDenied = rest.startsWith("(?!");
    const group = /^\((?:\?:|\?[=!])?/.exec(rest);
    if (group !== null) {
      this.#at += group[0].length;
      const inner = this.alternatives();
      this.#at += 1;
      return isDenied ? "" : inner;
    }
    const set = /^\[\^?((?:\\.|[^\]\\])+)\]/.exec(rest);
    if (set !== null) {
      this.#at += set[0].length;
      const [, first = ""] = set;
      if (set[0].startsWith("[^")) return "x";
      return first.startsWith("\\") ? new Example(first).#atom() : (first[0] ?? "");
    }
    this.#at += rest.startsWith("\\") ? 2 : 1;
    if (rest.startsWith("\\")) return { d: "7", w: "w", s: " ", n: "\n" }[rest[1] ?? ""] ?? rest[1] ?? "";
    return rest[0] === "." ? "x" : rest[0] === "^" || rest[0] === "$" ? "" : (rest[0] ?? "");
  }
}

/** A request that is all that a check asks for. */
export function rightRequest({ expected, decode_base64_query }: NetworkEventCheck): Sent {
  const url = exampleOf(Array.isArray(expected.url) ? (expected.url[0] ?? "") : expected.url);
  const query = Object.entries(expected.query_params ?? {}).flatMap(([name, values]) =>
    values.map((value) => `${encodeURIComponent(name)}=${encodeURIComponent(exampleOf(value ?? ""))}`),
  );
  const place = renderSites(url, sites);
  const base64 = decode_base64_query && query.length > 0 ? Buffer.from(query.join("&")).toString("base64url") : null;
  const [path = "", given] = place.split("?");
  const whole =
    base64 !== null
      ? `${path.replace(/\/$/, "")}/${base64}/`
      : query.length > 0
        ? `${path}?${query.join("&")}`
        : given === undefined
          ? path
          : `${path}?${given}`;
  return {
    method: expected.http_method,
    url: whole,
    status: expected.response_status,
    headers: mapped(expected.headers ?? {}, (value) =>
      renderSites(exampleOf(String(Array.isArray(value) ? value[0] : value)), sites),
    ),
    post: expected.post_data === undefined ? null : unflattened(expected.post_data as JsonObject),
    content: expected.response_content === undefined ? null : unflattened(expected.response_content as JsonObject),
    cookies: mapped(expected.response_cookies ?? {}, (value) => exampleOf(String(value))),
  };
}

function mapped(record: object, change: (value: unknown) => string): JsonObject {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}

/** Members by name, with those that a path names put where the path leads. */
function unflattened(fields: JsonObject): JsonObject {
  const whole: JsonObject = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value === null) continue;
    const plain = typeof value === "string" ? exampleOf(value) : value;
    const filter = /^\$\['([^']+)'\]\[\?\(@\.(\w+) == (\d+)\)\]\.(\w+)$/.exec(key);
    if (filter !== null) {
      const [, list = "", member = "", wanted = "", name = ""] = filter;
      const items = Array.isArray(plain) ? plain : [plain];
      whole[list] = items.map((item) => ({ [member]: Number(wanted), [name]: firstItem(item) }));
    } else if (key.startsWith("$.^")) {
      whole[exampleOf(key.slice(2))] = plain;
    } else if (key.startsWith("$.")) {
      put(
        whole,
        key
          .slice(2)
          .split(/[.[\]]+/)
          .filter(Boolean),
        plain,
      );
    } else {
      whole[key] = firstItem(plain);
    }
  }
  return Object.keys(whole).length === 0 ? { zz_other: "1" } : whole;
}

/** A list where one value is meant is a list of alternatives. */
function firstItem(value: Json): Json {
  return Array.isArray(value) && value.length > 1 && typeof value[0] === "string" ? (value[0] ?? null) : value;
}

function put(into: JsonObject, [name = "", ...rest]: string[], value: Json): void {
  if (rest.length === 0) {
    into[name] = value;
    return;
  }
  const isList = /^\d+$/.test(rest[0] ?? "");
  const inner = (into[name] ??= isList ? [] : {}) as JsonObject;
  put(inner, rest, value);
}

/** The request as a HAR has it. */
export function harEntry({ method, url, status, headers, post, content, cookies }: Sent): object {
  const pairs = (record: JsonObject): object[] =>
    Object.entries(record).map(([name, value]) => ({ name, value: textOf(value) }));
  const navigation = {
    "sec-fetch-user": "?1",
    "sec-fetch-dest": "document",
    "sec-fetch-mode": "navigate",
    accept: "text/html,*/*",
  };
  return {
    startedDateTime: "2026-01-01T00:00:00Z",
    time: 1,
    request: {
      method,
      url,
      headers: [...pairs(headers), ...(method === "GET" ? pairs(navigation) : [])],
      ...(post === null ? {} : { postData: bodyOf(post) }),
    },
    response: {
      status,
      redirectURL: "",
      headers: [],
      cookies: Object.entries(cookies).map(([name, value]) => ({ name, value: encodeURIComponent(textOf(value)) })),
      content:
        content === null
          ? { mimeType: "text/html", text: "" }
          : { mimeType: "application/json", text: JSON.stringify(content) },
    },
  };
}

function textOf(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Forms where all is flat text, else JSON. */
function bodyOf(post: JsonObject): { mimeType: string; text: string } {
  const isFlat = Object.values(post).every((value) => typeof value === "string");
  return isFlat
    ? {
        mimeType: "application/x-www-form-urlencoded",
        text: Object.entries(post)
          .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(textOf(value))}`)
          .join("&"),
      }
    : { mimeType: "application/json", text: JSON.stringify(post) };
}

/** The request with one thing changed, for each thing that it has. */
export function changedRequests(sent: Sent): [what: string, changed: Sent][] {
  const changes: [string, Sent][] = [
    ["place", { ...sent, url: sent.url.replace(/(:\/\/[^/?#]+)/, "$1/elsewhere") }],
    ["method", { ...sent, method: sent.method === "POST" ? "PUT" : "POST" }],
    ["status", { ...sent, status: 500 }],
    ["query", { ...sent, url: `${sent.url}${sent.url.includes("?") ? "&" : "?"}zz_added=1` }],
  ];
  if (sent.url.includes("?")) changes.push(["no query", { ...sent, url: sent.url.split("?")[0] ?? "" }]);
  for (const part of ["post", "content", "cookies", "headers"] as const) {
    const record = sent[part];
    if (record === null) continue;
    for (const name of Object.keys(record)) {
      const { [name]: value, ...others } = record;
      changes.push([`${part} without ${name}`, { ...sent, [part]: others }]);
      changes.push([
        `${part} with another ${name}`,
        { ...sent, [part]: { ...record, [name]: another(value ?? null) } },
      ]);
    }
  }
  return changes;
}

/** A value that is close and another one. */
export function another(value: Json): Json {
  if (typeof value === "number") return value + 1;
  if (typeof value === "boolean") return !value;
  if (typeof value === "string") return value === "" ? "x" : `${value} x`;
  if (value === null) return "x";
  if (Array.isArray(value)) return value.length === 0 ? ["x"] : [...value.slice(1), another(value[0] ?? null)];
  const [first] = Object.keys(value);
  return first === undefined ? { x: "x" } : { ...value, [first]: another(value[first] ?? null) };
}
