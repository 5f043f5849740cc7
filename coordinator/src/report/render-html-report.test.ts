// Requirements: 3.13.report
import { Parser } from "htmlparser2";
import { describe, expect, it } from "vitest";
import { aGain, aReport } from "../../../test/support/export-check/reports.ts";
import { renderHtmlReport } from "./render-html-report.ts";

function textAndTags(page: string): { text: string; tags: { name: string; attributes: Record<string, string> }[] } {
  const tags: { name: string; attributes: Record<string, string> }[] = [];
  let text = "";
  const parser = new Parser({
    onopentag: (name, attributes) => void tags.push({ name, attributes }),
    ontext: (data) => void (text += data),
  });
  parser.end(page);
  return { text, tags };
}

describe("renderHtmlReport", () => {
  it("says what the text report says", () => {
    const { text } = textAndTags(renderHtmlReport(aReport()));
    expect(text).toContain("Retrieval helped: +45.0 points, 95 % interval +17.9 to +63.6");
    expect(text).toContain("No measurable difference");
    expect(text).toContain("Undecided: 1 with retrieval off");
    expect(text).toContain("accepted 305 · rejected by offline:rules 507");
    expect(text.match(/offline rules, no LLM/g)).toHaveLength(4);
    expect(textAndTags(renderHtmlReport(aReport({ isOffline: false }))).text).not.toContain("LLM");
  });

  it("draws a bar per stage and an interval per arm", () => {
    const { tags } = textAndTags(renderHtmlReport(aReport()));
    expect(tags.filter(({ name }) => name === "rect")).toHaveLength(7);
    expect(tags.filter(({ name }) => name === "circle")).toHaveLength(4);
  });

  it("draws nothing that was not measured", () => {
    const arm = { successes: 0, decided: 0, undecided: 3, rate: null, interval: null, meanSteps: null };
    const gain = [aGain({ off: arm, on: arm, difference: null, differenceInterval: null })];
    const { tags, text } = textAndTags(renderHtmlReport(aReport({ gain })));
    expect(tags.filter(({ name }) => name === "circle")).toEqual([]);
    expect(text).toContain("Not measured: no task was decided in both arms.");
  });

  it("loads nothing and runs nothing, whatever names and warnings contain", () => {
    const hostile = `</text><script>alert(1)</script><img src="https://example.org/x">`;
    const { tags, text } = textAndTags(
      renderHtmlReport(
        aReport({ warnings: [hostile], funnel: [{ name: hostile, total: 1, counts: { [hostile]: 1 } }] }),
      ),
    );
    expect(tags.filter(({ name }) => ["script", "img", "link", "iframe"].includes(name))).toEqual([]);
    expect(
      tags.flatMap(({ attributes }) => Object.keys(attributes)).filter((name) => /^(on|src|href)/.test(name)),
    ).toEqual([]);
    expect(text).toContain(hostile);
  });
});
