// Reads a recorded network log (HAR 1.2) for what evaluators look at. An entry that is broken is skipped and counted, so
// that one odd request does not make an hour of recording worthless; a file that is no HAR is an error.
import { gunzipSync } from "node:zlib";
import { z } from "zod";
import { HindcastError, messageOf } from "../../../../errors.ts";
import { limits } from "../../../../limits.ts";
import { harLacks } from "../../browser/har.ts";
import { splitUrl, unquote } from "../url-parts.ts";
import { bodyOf } from "./har-body.ts";
import type { JsonObject } from "./json-value.ts";

const Header = z.object({ name: z.string(), value: z.string() });
const Body = z.object({
  mimeType: z.string().default(""),
  text: z.string().optional(),
  encoding: z.string().optional(),
  size: z.number().catch(0),
});

const Entry = z.object({
  startedDateTime: z.string().optional(),
  request: z.object({
    method: z.string(),
    url: z.string(),
    headers: z.array(Header).default([]),
    postData: Body.nullish(),
  }),
  response: z.object({
    status: z.int(),
    cookies: z.array(z.object({ name: z.string(), value: z.string().default("") })).default([]),
    content: Body.nullish(),
  }),
});
type Entry = z.infer<typeof Entry>;

const Har = z.object({
  log: z.object({ entries: z.array(z.unknown()).max(limits.harEntriesMax), comment: z.string().catch("") }),
});

/** A request and its response, read as far as evaluators ask. */
export class NetworkEvent {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  /** By lower-case name; of several the last. */
  readonly headers: ReadonlyMap<string, string>;
  readonly #entry: Entry;

  constructor(entry: Entry) {
    this.#entry = entry;
    this.method = entry.request.method;
    this.url = entry.request.url;
    this.status = entry.response.status;
    this.headers = new Map(entry.request.headers.map(({ name, value }) => [name.toLowerCase(), value]));
  }

  /** What was sent, as an object; null where that was none. */
  get postData(): JsonObject | null {
    return bodyOf(this.#entry.request.postData ?? null);
  }

  get responseContent(): JsonObject | null {
    return bodyOf(this.#entry.response.content ?? null);
  }

  /** There was a body, or nobody knows, and the recorder did not keep it. */
  get isBodyLost(): boolean {
    const { status, content } = this.#entry.response;
    const isSuccess = status >= 200 && status < 300;
    return isSuccess && content?.text === undefined && (content?.size ?? 0) !== 0;
  }

  get responseCookies(): ReadonlyMap<string, string> {
    return new Map(this.#entry.response.cookies.map(({ name, value }) => [name, unquote(value)]));
  }

  /** Somebody went to a page: a document was asked for by a click or an address, not by a script or a frame. */
  get isNavigation(): boolean {
    if (this.method !== "GET") return false;
    const header = (name: string): string => this.headers.get(name)?.toLowerCase() ?? "";
    if (!this.headers.has("sec-fetch-user")) return header("accept").startsWith("text/html");
    return (
      header("sec-fetch-dest") === "document" &&
      header("sec-fetch-mode") === "navigate" &&
      header("sec-fetch-user") === "?1" &&
      header("accept").includes("text/html")
    );
  }
}

const assets = /\.(?:css|js|png|jpe?g|gif|svg|woff2?|ttf|ico|webp)$/;

export interface Recording {
  /** In the order in which they were sent, without pictures, fonts, styles and scripts. */
  events: NetworkEvent[];
  /** Entries that could not be read. */
  broken: number;
  /** What the recording says that it lacks. */
  lacks: { exchanges: number; bodies: boolean };
}

/** @throws HindcastError CONFIG_INVALID: not JSON, no HAR, or too large; `name` says which file */
export function readHar(bytes: Uint8Array, name: string): Recording {
  const parsed = Har.safeParse(jsonOf(bytes, name));
  if (!parsed.success) throw unreadable(`${name} is no HAR: ${z.prettifyError(parsed.error)}`);
  const entries = parsed.data.log.entries.map((entry) => Entry.safeParse(entry));
  const read = entries.flatMap(({ data }) => (data === undefined ? [] : [data]));
  return {
    events: inOrder(read)
      .filter(({ request }) => !assets.test(splitUrl(request.url).path))
      .map((entry) => new NetworkEvent(entry)),
    broken: entries.length - read.length,
    lacks: harLacks(parsed.data.log.comment),
  };
}

/** Some writers put an exchange down when it has ended; without times, the order of the log is all there is. */
function inOrder(entries: readonly Entry[]): Entry[] {
  const timed = entries.map((entry) => ({ entry, at: Date.parse(entry.startedDateTime ?? "") }));
  if (timed.some(({ at }) => Number.isNaN(at))) return [...entries];
  return timed.toSorted((a, b) => a.at - b.at).map(({ entry }) => entry);
}

function jsonOf(bytes: Uint8Array, name: string): unknown {
  try {
    const isZipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const plain = isZipped ? gunzipSync(bytes, { maxOutputLength: limits.blobBytesMax }) : bytes;
    if (plain.length > limits.blobBytesMax) throw new Error(`it has more than ${limits.blobBytesMax} bytes`);
    return JSON.parse(new TextDecoder().decode(plain));
  } catch (error) {
    throw unreadable(`${name} cannot be read as a HAR: ${messageOf(error)}`, error);
  }
}

function unreadable(message: string, cause?: unknown): HindcastError {
  return new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message: message.slice(0, 4_000),
    ...(cause === undefined ? {} : { cause }),
  });
}
