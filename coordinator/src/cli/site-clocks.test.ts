// Requirements: 6.14.clock
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { aFolder } from "../../../test/support/hindcast.ts";
import { siteClocks } from "./site-clocks.ts";

describe("--clocks", () => {
  it("is a file of the sites' own times, by default the one beside their URLs", () => {
    using folder = aFolder();
    const clock = "2026-03-16T09:00:00Z";
    mkdirSync(join(folder.path, "served"));
    writeFileSync(join(folder.path, "served", "clocks.json"), JSON.stringify({ shopping: clock }));
    writeFileSync(join(folder.path, "others.json"), JSON.stringify({ gitlab: clock }));
    const clocks = (options: Parameters<typeof siteClocks>[0]): unknown => siteClocks(options, folder.path);
    expect(clocks({ sites: "served/urls.json" })).toEqual({ shopping: clock });
    expect(clocks({ sites: "served/urls.json", clocks: "others.json" })).toEqual({ gitlab: clock });
    expect([clocks({}), clocks({ sites: "urls.json" })]).toEqual([{}, {}]);
  });

  it("is refused where it is not there or says no times of sites", () => {
    using folder = aFolder();
    expect(() => siteClocks({ clocks: "gone.json" }, folder.path)).toThrow(/gone\.json says no sites' times, such as/);
    for (const content of [{ shop: "2026-03-16T09:00:00Z" }, { shopping: "yesterday" }, []]) {
      writeFileSync(join(folder.path, "bad.json"), JSON.stringify(content));
      expect(() => siteClocks({ clocks: "bad.json" }, folder.path)).toThrow("bad.json says no sites' times");
    }
  });
});
