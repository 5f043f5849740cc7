// Requirements: 6.14.visits
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SiteHost } from "./site-host.ts";
import { leavePath } from "./visits.ts";

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
  const come = async (): Promise<{ status: number; cookie: string }> => {
    const { status, headers } = await fetch(host.origin);
    return { status, cookie: headers.getSetCookie()[0]?.split(";")[0] ?? "" };
  };
  const leave = (cookie: string): Promise<unknown> =>
    fetch(`${host.origin}${leavePath}`, { method: "POST", headers: { cookie } });
  const first = await come();
  expect([first.status, (await come()).status]).toEqual([200, 503]);
  await leave("other=cookie");
  await leave("hindcast_visit_toy=another's");
  expect((await come()).status).toBe(503);
  await leave(first.cookie);
  expect([(await come()).status, (await come()).status]).toEqual([200, 503]);
});
