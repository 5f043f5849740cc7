// What makes two browsers equal: addresses, what the pages show and what fields hold, what sites have stored. Values of
// cookies and of hidden fields are left out: they name a session, and another login is the same state.
import { limits, Sha256 } from "@hindcast/shared";
import { sha256Hex } from "@hindcast/shared/node";
import type { BrowserContext, Frame } from "playwright-core";
import type { Tabs } from "./tabs.ts";
import { within } from "./within.ts";

const collectScript = `(() => {
  const stored = (name) => { try { return Object.entries(window[name]).sort(); } catch { return null; } };
  const fields = [...document.querySelectorAll("input:not([type=hidden]), textarea, select")].map((field) =>
    /^(checkbox|radio)$/.test(field.type) ? field.checked : field.value);
  const text = document.body === null ? "" : document.body.innerText;
  const parts = [text, fields, document.title, scrollX, scrollY, stored("localStorage"), stored("sessionStorage")];
  return JSON.stringify(parts).slice(0, ${limits.browserStateCharsMax});
})()`;

export async function stateHashOf(context: BrowserContext, tabs: Tabs): Promise<Sha256> {
  const pages = await Promise.all(
    tabs.pages.map(async (page) => [page.url(), ...(await Promise.all(page.frames().map(contentOf)))]),
  );
  const cookies = (await context.cookies()).map(({ name, domain, path }) => `${domain}${path} ${name}`).toSorted();
  return Sha256.parse(sha256Hex(JSON.stringify([tabs.frontIndex, pages, cookies])));
}

/** A frame that cannot answer counts by its address alone. */
async function contentOf(frame: Frame): Promise<[string, unknown]> {
  try {
    return [frame.url(), await within(limits.browserAnswerMsMax, frame.evaluate<unknown>(collectScript), "the state")];
  } catch {
    return [frame.url(), null];
  }
}
