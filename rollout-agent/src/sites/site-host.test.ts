// Requirements: 6.14.visits
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SiteHost } from "./site-host.ts";
import { leaveVisits } from "./visits.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "site-host-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const server = `require("node:http").createServer((_, answer) => answer.end("here")).listen(process.env.SITE_PORT, "127.0.0.1")`;

it("gives the copy of a browser that said it is closed to the next one, and of no other before its time", async () => {
  for (const name of ["recipe", "seed", "copies"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "recipe", "start.sh"), `exec "${process.execPath}" -e '${server}'`);
  new DatabaseSync(join(folder, "seed", "toy.sqlite3")).close();
  const recipe = {
    v: 1 as const,
    name: "toy",
    database: "toy.sqlite3",
    ready: "/",
    places: {},
    folder: join(folder, "recipe"),
    hash: "h",
    program: null,
  };
  const site = { recipe, folder, seed: join(folder, "seed"), database: join(folder, "seed", "toy.sqlite3") };
  await using host = await SiteHost.start({ site, folder: join(folder, "copies"), port: 0, copiesMax: 1 });
  const come = async (): Promise<{ status: number; cookies: { name: string; value: string }[] }> => {
    const { status, headers } = await fetch(host.origin);
    const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(headers.getSetCookie()[0] ?? "") ?? [];
    return { status, cookies: [{ name, value }] };
  };
  const first = await come();
  expect([first.status, (await come()).status]).toEqual([200, 503]);
  await leaveVisits([host.origin], [{ name: "other", value: "cookie" }]);
  await leaveVisits([host.origin], [{ name: "hindcast_visit_toy", value: "another's" }]);
  expect((await come()).status).toBe(503);
  await leaveVisits([host.origin], first.cookies);
  expect([(await come()).status, (await come()).status]).toEqual([200, 503]);
});
