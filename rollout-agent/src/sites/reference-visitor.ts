// A visitor without a browser, who reads pages and sends forms: what tasks are tried with before an agent is measured by
// them. What it exchanges is recorded as a browser would record it.
import { request as ask, type IncomingHttpHeaders } from "node:http";
import { once } from "node:events";
import { text as readText } from "node:stream/consumers";
import { type HarEntry, harEntry } from "@hindcast/shared/node";
import { z } from "zod";
import type { FilledForm } from "./tasks/template.ts";

const redirectsMax = 5;

export interface Page {
  url: string;
  status: number;
  html: string;
}

interface Sent {
  text: string;
  headers: Record<string, string>;
}

export class ReferenceVisitor {
  readonly exchanges: HarEntry[] = [];
  readonly #cookies = new Map<string, string>();

  constructor(cookies: readonly { name: string; value: string }[]) {
    for (const { name, value } of cookies) this.#cookies.set(name, value);
  }

  async open(url: string): Promise<Page> {
    return await this.#go(url, null, redirectsMax);
  }

  /**
   * Sends the form that contains `has`, filled in as it is shown but for `fields`; to another `action`, absolute here, only
   * what is hidden in it. @throws Error where there is no such form
   */
  async submit(page: Page, { has, fields, action }: FilledForm): Promise<Page> {
    const form = formsOf(page.html).find((one) => one.includes(has));
    if (form === undefined) throw new Error(`${page.url} (${page.status}) has no form with ${has}`);
    const head = /<form\b[^>]*>/i.exec(form)?.[0] ?? "";
    const kept = action === undefined ? fieldsOf(form) : fieldsOf(hiddenOf(form));
    const target = new URL(action ?? unescaped(attributeOf(head, "action") ?? ""), page.url);
    const text = new URLSearchParams({ ...kept, ...fields }).toString();
    return await this.#go(target.href, { text, headers: headersOfScripts(page.html) }, redirectsMax);
  }

  async #go(url: string, form: Sent | null, redirects: number): Promise<Page> {
    const method = form === null ? "GET" : "POST";
    const headers: Record<string, string> = {
      accept: "text/html,application/xhtml+xml",
      "sec-fetch-dest": "document",
      "sec-fetch-mode": "navigate",
      "sec-fetch-site": "same-origin",
      "sec-fetch-user": "?1",
      origin: new URL(url).origin,
      cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; "),
      ...(form !== null && { "content-type": "application/x-www-form-urlencoded", ...form.headers }),
    };
    const startedAt = new Date();
    const sent = ask(url, { method, headers });
    sent.end(form?.text);
    const [answer] = await once(sent, "response");
    const html = await readText(answer);
    const status: number = answer.statusCode;
    this.#keep(answer.headers);
    this.exchanges.push(
      harEntry({
        startedAt,
        durationMs: 0,
        method,
        url,
        requestHeaders: pairsOf(headers),
        postData: form?.text ?? null,
        response: { status, statusText: "", headers: pairsOf(answer.headers), size: html.length, text: html },
      }),
    );
    const location: string | undefined = answer.headers.location;
    if (status < 300 || status >= 400 || location === undefined || redirects === 0) return { url, status, html };
    return await this.#go(new URL(location, url).href, null, redirects - 1);
  }

  #keep(headers: IncomingHttpHeaders): void {
    for (const cookie of headers["set-cookie"] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (name !== undefined) this.#cookies.set(name, value ?? "");
    }
  }
}

/** What people read of a page. */
export function readableText(html: string): string {
  const body = html.replace(/<(script|style)\b[\s\S]*?<\/\1>/gi, " ");
  const values = [...body.matchAll(/\bvalue="([^"]*)"/g)].map(([, value]) => value);
  return unescaped(`${body.replace(/<[^>]*>/g, " ")} ${values.join(" ")}`).replace(/\s+/g, " ");
}

function formsOf(html: string): string[] {
  return html.match(/<form\b[\s\S]*?<\/form>/gi) ?? [];
}

/** What htmx sends along with every form of a page: a token against forgery, say. */
function headersOfScripts(html: string): Record<string, string> {
  const body = /<body\b[^>]*\shx-headers=[^>]*>/i.exec(html)?.[0];
  const headers: unknown = body === undefined ? {} : JSON.parse(unescaped(attributeOf(body, "hx-headers") ?? "{}"));
  return z.record(z.string(), z.string()).parse(headers);
}

function hiddenOf(form: string): string {
  return (form.match(/<input\b[^>]*>/gi) ?? []).filter((tag) => attributeOf(tag, "type") === "hidden").join("");
}

function fieldsOf(form: string): Record<string, string> {
  const fields: Record<string, string> = {};
  const put = (tag: string, value: string): void => {
    const name = attributeOf(tag, "name");
    if (name !== null) fields[name] = unescaped(value);
  };
  for (const [tag] of form.matchAll(/<input\b[^>]*>/gi)) {
    const type = attributeOf(tag, "type") ?? "text";
    if (["submit", "button", "file", "image"].includes(type)) continue;
    if (["checkbox", "radio"].includes(type) && !/\schecked\b/i.test(tag)) continue;
    put(tag, attributeOf(tag, "value") ?? (type === "checkbox" ? "on" : ""));
  }
  for (const [, tag = "", content = ""] of form.matchAll(/(<textarea\b[^>]*>)([\s\S]*?)<\/textarea>/gi))
    put(tag, content);
  for (const [, tag = "", content = ""] of form.matchAll(/(<select\b[^>]*>)([\s\S]*?)<\/select>/gi)) {
    const options = content.match(/<option\b[^>]*>/gi) ?? [];
    const chosen = options.find((option) => /\sselected\b/i.test(option)) ?? options[0];
    if (chosen !== undefined) put(tag, attributeOf(chosen, "value") ?? "");
  }
  return fields;
}

function attributeOf(tag: string, name: string): string | null {
  return (
    new RegExp(`\\s${name}=(?:"([^"]*)"|'([^']*)')`, "i")
      .exec(tag)
      ?.slice(1)
      .find((one) => one !== undefined) ?? null
  );
}

function unescaped(text: string): string {
  const names: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };
  return text
    .replace(/&#(x?)([0-9a-f]+);/gi, (_, hex: string, code: string) =>
      String.fromCodePoint(parseInt(code, hex === "" ? 10 : 16)),
    )
    .replace(/&(\w+);/g, (whole, name: string) => names[name] ?? whole);
}

function pairsOf(headers: Record<string, string | string[] | undefined>): { name: string; value: string }[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? ""]).map((one) => ({ name, value: one })),
  );
}
