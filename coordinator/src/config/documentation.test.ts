// Requirements: 3.12.config
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { configJsonSchema, settingsTable, variablesTable } from "./documentation.ts";
import { leaves } from "./leaves.ts";

const root = new URL("../../..", import.meta.url).pathname;

describe("the documentation of the configuration", () => {
  it("describes every setting", () => {
    expect(leaves.filter(({ description }) => description === "").map(({ path }) => path)).toEqual([]);
  });

  it("is committed as a JSON Schema that editors can use; `hindcast config --schema` prints it", async () => {
    const text = `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
    expect(text).not.toContain('"required"');
    await expect(text).toMatchFileSnapshot(`${root}shared/docs/schema/config.schema.json`);
  });

  it("is in the README between its marks as `hindcast config --markdown` prints it", () => {
    expect(existsSync(`${root}README.md`)).toBe(true);
    const readme = readFileSync(`${root}README.md`, "utf8");
    const between = /<!-- config:start -->\n([\s\S]*?)\n<!-- config:end -->/.exec(readme)?.[1]?.trim();
    const cells = (table: string): string => table.replaceAll(/[ -]*\|[ -]*/g, "|");
    expect(cells(between ?? "")).toBe(cells(`${settingsTable()}\n\n${variablesTable()}`));
  });
});
