// HTTP Archive 1.2 of what a browser exchanged: enough to judge a rollout again later, from its network alone.
import { z } from "zod";

const NameValue = z.looseObject({ name: z.string(), value: z.string() });

/** One exchange. Unknown fields of other writers are kept out of the way, not refused. */
export const HarEntry = z.looseObject({
  startedDateTime: z.string(),
  /** Milliseconds, -1 where unknown. */
  time: z.number(),
  request: z.looseObject({
    method: z.string(),
    url: z.string(),
    httpVersion: z.string(),
    headers: z.array(NameValue),
    queryString: z.array(NameValue),
    cookies: z.array(NameValue),
    postData: z.looseObject({ mimeType: z.string(), text: z.string() }).optional(),
    headersSize: z.number(),
    bodySize: z.number(),
  }),
  response: z.looseObject({
    /** -1 where no answer came, as writers of archives have it. */
    status: z.int(),
    statusText: z.string(),
    httpVersion: z.string(),
    headers: z.array(NameValue),
    cookies: z.array(NameValue),
    content: z.looseObject({ size: z.number(), mimeType: z.string(), text: z.string().optional() }),
    redirectURL: z.string(),
    headersSize: z.number(),
    bodySize: z.number(),
  }),
  cache: z.looseObject({}),
  timings: z.looseObject({}),
});
export type HarEntry = z.infer<typeof HarEntry>;

export const Har = z.looseObject({ log: z.looseObject({ version: z.string(), entries: z.array(HarEntry) }) });
export type Har = z.infer<typeof Har>;

export interface HttpExchange {
  startedAt: Date;
  durationMs: number;
  method: string;
  url: string;
  requestHeaders: readonly { name: string; value: string }[];
  /** Text of the body; null: none, or no text. */
  postData: string | null;
  /** Null: the request failed. */
  response: {
    status: number;
    statusText: string;
    headers: readonly { name: string; value: string }[];
    /** Bytes of the body, -1 where unknown. */
    size: number;
    /** Null where the body is no text or too long. */
    text: string | null;
  } | null;
}

export function harEntry(exchange: HttpExchange): HarEntry {
  const { method, url, requestHeaders, postData, response, startedAt, durationMs } = exchange;
  const headers = [...(response?.headers ?? [])];
  const text = response?.text ?? null;
  return {
    startedDateTime: startedAt.toISOString(),
    time: durationMs,
    request: {
      method,
      url,
      httpVersion: "HTTP/1.1",
      headers: [...requestHeaders],
      queryString: [...new URL(url).searchParams].map(([name, value]) => ({ name, value })),
      cookies: cookiesOf(valueOf(requestHeaders, "cookie").split(";")),
      ...(postData !== null && {
        postData: { mimeType: valueOf(requestHeaders, "content-type"), text: postData },
      }),
      headersSize: -1,
      bodySize: postData === null ? 0 : Buffer.byteLength(postData),
    },
    response: {
      status: response?.status ?? -1,
      statusText: response?.statusText ?? "",
      httpVersion: "HTTP/1.1",
      headers,
      cookies: cookiesOf(
        headers
          .filter(({ name }) => name.toLowerCase() === "set-cookie")
          .flatMap(({ value }) => value.split("\n"))
          .map((value) => value.split(";")[0] ?? ""),
      ),
      content: {
        size: response?.size ?? -1,
        mimeType: valueOf(headers, "content-type"),
        ...(text !== null && { text }),
      },
      redirectURL: valueOf(headers, "location"),
      headersSize: -1,
      bodySize: response?.size ?? -1,
    },
    cache: {},
    timings: { send: -1, wait: durationMs, receive: -1 },
  };
}

const bodiesLeftOut = "the bodies of answers are left out";

/** What an archive lacks by its own comment: then nothing can be said of what is not in it. */
export function harLacks(comment: string): { exchanges: number; bodies: boolean } {
  const exchanges = Number(/(?:^|; )(\d{1,9}) exchanges are missing/.exec(comment)?.[1] ?? 0);
  return { exchanges, bodies: comment.includes(bodiesLeftOut) };
}

/**
 * The archive as it is stored; without the bodies of answers where it would be longer than `charsMax` with them. What it
 * lacks stands in the archive's comment.
 * @param missing exchanges that could not be kept
 */
export function harText(entries: readonly HarEntry[], charsMax = Number.POSITIVE_INFINITY, missing = 0): string {
  const lacks = missing === 0 ? [] : [`${missing} exchanges are missing`];
  const written = (kept: readonly HarEntry[], comments: string[]): string => {
    const comment = comments.length === 0 ? {} : { comment: comments.join("; ") };
    return JSON.stringify({
      log: { version: "1.2", creator: { name: "hindcast", version: "1" }, entries: kept, ...comment },
    });
  };
  const whole = written(entries, lacks);
  if (whole.length <= charsMax) return whole;
  return written(
    entries.map((entry) => {
      const { text: _, ...content } = entry.response.content;
      return { ...entry, response: { ...entry.response, content } };
    }),
    [...lacks, bodiesLeftOut],
  );
}

function valueOf(headers: readonly { name: string; value: string }[], name: string): string {
  return headers.find((header) => header.name.toLowerCase() === name)?.value ?? "";
}

function cookiesOf(pairs: readonly string[]): { name: string; value: string }[] {
  return pairs.flatMap((pair) => {
    const at = pair.indexOf("=");
    return at < 1 ? [] : [{ name: pair.slice(0, at).trim(), value: pair.slice(at + 1).trim() }];
  });
}
