// Requirements: 6.14.clock, 6.14.visits
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request as ask } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SiteHost } from "./site-host.ts";
import { leavePath } from "./visits.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "site-host-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const greeting = `require("node:http").createServer((_, answer) => answer.end("here")).listen(process.env.SITE_PORT, "127.0.0.1")`;
const telling = `require("node:http").createServer((asked, answer) => answer.end(asked.headers["site-clock"]))
  .listen(process.env.SITE_PORT, "127.0.0.1")`;
const resetting = `require("node:http").createServer((asked, answer) => {
  if (asked.url !== "/reset") return answer.end("here");
  answer.write("half");
  setTimeout(() => answer.socket.resetAndDestroy(), 50);
}).listen(process.env.SITE_PORT, "127.0.0.1")`;

/** With one copy of a site that is this program. */
async function aHost(server: string): Promise<SiteHost> {
  for (const name of ["recipe", "seed", "copies"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "recipe", "start.sh"), `exec "${process.execPath}" -e '${server}'`);
  new DatabaseSync(join(folder, "seed", "toy.sqlite3")).close();
  const recipe = {
    v: 1 as const,
    name: "toy",
    clock: "2026-03-16T09:00:00Z",
    asides: ["/aside"],
    database: "toy.sqlite3",
    ready: "/",
    places: {},
    folder: join(folder, "recipe"),
    hash: "h",
    program: null,
  };
  const site = { recipe, folder, seed: join(folder, "seed"), database: join(folder, "seed", "toy.sqlite3") };
  return await SiteHost.start({ site, folder: join(folder, "copies"), port: 0, copiesMax: 1 });
}

async function come(host: SiteHost): Promise<{ status: number; cookie: string }> {
  const { status, headers } = await fetch(host.origin);
  return { status, cookie: headers.getSetCookie()[0]?.split(";")[0] ?? "" };
}

const leave = (host: SiteHost, cookie: string): Promise<unknown> =>
  fetch(`${host.origin}${leavePath}`, { method: "POST", headers: { cookie } });

/** As a browser opens an address; `fetch` sets this header by itself. */
async function navigate(host: SiteHost, cookie: string): Promise<void> {
  const asked = ask(host.origin, { headers: { cookie, "sec-fetch-mode": "navigate" } }).end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  answer.resume();
  await once(answer, "end");
}

it("gives the copy of a browser that said it is closed to the next one, and of no other before its time", async () => {
  await using host = await aHost(greeting);
  const first = await come(host);
  expect([first.status, (await come(host)).status]).toEqual([200, 503]);
  await leave(host, "other=cookie");
  await leave(host, "hindcast_visit_toy=another's");
  expect((await come(host)).status).toBe(503);
  await leave(host, first.cookie);
  expect([(await come(host)).status, (await come(host)).status]).toEqual([200, 503]);
});

it("takes the copy from no browser that was closed and has come back with the same visit", async () => {
  await using host = await aHost(greeting);
  const { cookie } = await come(host);
  await leave(host, cookie);
  await navigate(host, cookie);
  expect((await come(host)).status).toBe(503);
});

it("lets the site's time stand but for what is sent, and begin again for everyone who comes", async () => {
  await using host = await aHost(telling);
  const told = async (cookie: string, method = "GET", path = "/"): Promise<string> => {
    const headers = { cookie, "site-clock": "1" };
    const seconds = Number(await (await fetch(`${host.origin}${path}`, { method, headers })).text());
    return new Date(seconds * 1_000).toISOString();
  };
  for (const _visitor of [1, 2]) {
    const { cookie } = await come(host);
    const times = [await told(cookie), await told(cookie, "POST"), await told(cookie), await told(cookie, "POST")];
    expect(times).toEqual(["09:00", "09:01", "09:01", "09:02"].map((time) => `2026-03-16T${time}:00.000Z`));
    expect(await told(cookie, "POST", "/aside?of=nothing")).toBe(times.at(-1));
    await leave(host, cookie);
  }
});

it("outlives a copy that breaks off in the middle of an answer", async () => {
  await using host = await aHost(resetting);
  const half = fetch(`${host.origin}/reset`).then((answer) => answer.text());
  await expect(half).rejects.toThrow();
  expect((await come(host)).status).toBe(503);
});
