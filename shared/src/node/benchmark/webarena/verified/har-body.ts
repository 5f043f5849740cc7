// The bodies of recorded requests and responses as objects: forms, JSON objects and multipart forms.
import { parseQuery } from "../url-parts.ts";
import { isObject, parseJson, type JsonObject } from "./json-value.ts";

interface RecordedBody {
  mimeType: string;
  text?: string | undefined;
  encoding?: string | undefined;
}

/** Null where there is no body, or it is none of these. Of several values of a form's field the first counts. */
export function bodyOf(body: RecordedBody | null): JsonObject | null {
  const text = body === null ? "" : textOf(body);
  if (body === null || text === "") return null;
  const { mimeType } = body;
  if (mimeType.includes("application/x-www-form-urlencoded")) {
    return Object.fromEntries(
      [...parseQuery(text, { keepBlank: true })].map(([name, values]) => [name, values[0] ?? ""]),
    );
  }
  if (mimeType.includes("application/json")) {
    const parsed = parseJson(text);
    return isObject(parsed) ? parsed : null;
  }
  const boundary = mimeType.includes("multipart/form-data") ? /boundary=([^;\s]+)/.exec(mimeType)?.[1] : undefined;
  return boundary === undefined ? null : multipart(text, boundary.replace(/^"|"$/g, ""));
}

function textOf({ text = "", encoding }: RecordedBody): string {
  return encoding === "base64" ? Buffer.from(text, "base64").toString() : text;
}

function multipart(text: string, boundary: string): JsonObject {
  const fields: JsonObject = {};
  for (const part of text.split(`--${boundary}`).map((one) => one.trim())) {
    const end = /\r\n\r\n|\n\n/.exec(part);
    if (part === "" || part === "--" || end === null) continue;
    const disposition = part
      .slice(0, end.index)
      .split(/\r?\n/)
      .find((line) => line.toLowerCase().startsWith("content-disposition:"));
    const name = /name="([^"]+)"/.exec(disposition ?? "")?.[1];
    if (name !== undefined) fields[name] = part.slice(end.index + end[0].length).replace(/[\r\n]+$/, "");
  }
  return fields;
}
