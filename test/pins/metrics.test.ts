// Requirements: 7.5.catalogue
import { metricsDocument } from "@hindcast/shared/node";
import { expect, it } from "vitest";

/** What the formatter aligns. */
const cells = (text: string): string[][] =>
  text
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim().replace(/^-+$/, "---")))
    .filter((row) => row.some((cell) => cell !== ""));

/** HINDCAST_WRITE_DOCS=1 writes the page anew, and `npm run fix` aligns it. */
it("the documentation shows the metrics of the code", async () => {
  const { readFile, writeFile } = await import("node:fs/promises");
  const path = new URL("../../shared/docs/metrics.md", import.meta.url);
  if (process.env["HINDCAST_WRITE_DOCS"] === "1") await writeFile(path, metricsDocument());
  expect(cells(await readFile(path, "utf8"))).toEqual(cells(metricsDocument()));
});
