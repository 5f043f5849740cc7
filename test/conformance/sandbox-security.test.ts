// The reduced security suite: every probe that is quick, in bubblewrap and in weakened sandboxes. The whole one, for
// every driver, is `npm run security`; see test/SECURITY.md.
// Requirements: 6.7.probes, 6.7.weakened, 6.7.report
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { categories } from "../security/probe.ts";
import { probes } from "../security/probes/index.ts";
import { asJson, summary, table, told } from "../security/report.ts";
import { addResults } from "../security/results.ts";
import { problemsOf, type Row, runSuite } from "../security/run.ts";
import { provider } from "./sandbox-fixture.ts";

describe("hostile probes", () => {
  it("are many, of every category, and each has a name of its own", () => {
    const names = probes.map(({ category, id }) => `${category}/${id}`);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(60);
    for (const category of categories)
      expect(names.filter((name) => name.startsWith(`${category}/`)).length).toBeGreaterThanOrEqual(3);
  });

  it("fail in bubblewrap, and work in a weakened sandbox", async () => {
    const quick = probes.filter(({ isSlow }) => isSlow !== true);
    const rows = await runSuite({ providers: [provider], probes: quick, lanes: 4 });
    expect(problemsOf(rows)).toEqual([]);
    if (process.getuid?.() === 0) {
      const silent = rows.filter(({ weakened }) => weakened?.verdict !== "worked");
      expect(silent.length, table(silent)).toBeLessThan(rows.length / 6);
    }
  }, 300_000);
});

describe("the report", () => {
  const [first, second] = probes;
  const outcome = (verdict: "held" | "worked" | "none"): Row["weakened"] & object => ({
    verdict,
    detail: null,
    durationMs: 1,
  });
  const rowOf = (
    probe: (typeof probes)[number] | undefined,
    driver: "held" | "worked",
    control: "held" | "worked",
  ): Row => {
    if (probe === undefined) throw new Error("there are no probes");
    return { probe, drivers: { bubblewrap: outcome(driver) }, weakened: outcome(control) };
  };

  it("finds fault with a sandbox that did not hold, and with a probe that proves nothing", () => {
    expect(problemsOf([rowOf(first, "held", "worked")])).toEqual([]);
    expect(problemsOf([rowOf(first, "worked", "worked")])).toEqual([expect.stringContaining("worked in bubblewrap")]);
    expect(problemsOf([rowOf(first, "held", "held")])).toEqual([expect.stringContaining("did not work in a weakened")]);
  });

  it("is put together of parts, of the same code only", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hindcast-results-"));
    try {
      const file = join(folder, "results.json");
      const part = { command: "npm run security -- --drivers bubblewrap", day: "2026-01-01", seconds: 1 };
      addResults(file, [rowOf(first, "held", "worked")], part);
      const machines = { ...rowOf(first, "worked", "worked"), drivers: { vm: outcome("held") }, weakened: null };
      const { rows, parts } = addResults(file, [machines], part);
      expect(parts).toHaveLength(2);
      const later = { ...part, command: `${part.command} --categories nats,time --results x.json`, day: "2026-01-03" };
      expect(told([...parts, later])).toBe(
        "`npm run security -- --drivers bubblewrap` in 3 parts, on 2026-01-01 to 2026-01-03; 3 s.",
      );
      expect(rows).toMatchObject([
        {
          probe: first,
          drivers: { bubblewrap: { verdict: "held" }, vm: { verdict: "held" } },
          weakened: { verdict: "worked" },
        },
      ]);
      await writeFile(file, (await readFile(file, "utf8")).replace(/"of": "../, '"of": "xx'));
      expect(() => addResults(file, rows, part)).toThrow(/another guest or of other probes/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("is an aligned table, a sentence, and JSON", () => {
    const rows = [rowOf(first, "held", "worked"), rowOf(second, "worked", "worked")];
    const lines = table(rows).split("\n");
    const column = lines[0]?.indexOf("bubblewrap") ?? -1;
    expect(lines.map((line) => line.slice(column).split(/\s+/)[0])).toEqual(["bubblewrap", "held", "BROKEN"]);
    expect(summary(rows)).toContain(
      "2 probes in 1 of 15 categories; 1 held by every driver, 1 not; 2 work in a weakened",
    );
    expect(summary([rowOf(first, "held", "held")])).toContain("1 had no effect there and prove nothing");
    expect(asJson(rows)).toMatchObject({
      problems: [expect.any(String)],
      probes: [{ drivers: { bubblewrap: { verdict: "held" } } }, {}],
    });
  });
});
