// Visits of self-hosted sites, as browsers know them: by a cookie. A browser that is closed says so, so that its copy of the
// site is free for the next one at once, and not only when nobody has asked for it for long.
import type { BrowserContext } from "playwright-core";

export const visitCookie = "hindcast_visit_";
export const leavePath = "/-/hindcast/leave";
/** Tells a site at what time a request happens, in seconds since 1970. */
export const clockHeader = "site-clock";

/**
 * Ends the visits of a browser at the sites where it is. The browser says so itself, behind its gate: cookies and addresses
 * are what pages made of them, and no reason for a request of ours. One that cannot be ended ends by being left.
 */
export async function leaveVisits(context: BrowserContext): Promise<void> {
  const cookies = await context.cookies();
  if (!cookies.some(({ name }) => name.startsWith(visitCookie))) return;
  const visited = new Map(context.pages().map((page) => [originOf(page.url()), page]));
  visited.delete(null);
  const leaving = [...visited.values()].map((page) =>
    page.evaluate(async (path) => void (await fetch(path, { method: "POST" })), leavePath),
  );
  await Promise.allSettled(leaving);
}

function originOf(address: string): string | null {
  return /^https?:/.test(address) ? new URL(address).origin : null;
}
