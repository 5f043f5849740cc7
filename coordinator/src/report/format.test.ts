// Requirements: 3.13.report
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  formatPoints,
  formatRate,
  formatUsd,
} from "./format.ts";

describe("formatters", () => {
  it.each([
    [formatCount(0), "0"],
    [formatCount(999), "999"],
    [formatCount(1_000), "1,000"],
    [formatCount(1_234_567), "1,234,567"],
    [formatDuration(0), "0 ms"],
    [formatDuration(999), "999 ms"],
    [formatDuration(999.7), "1.0 s"],
    [formatDuration(12_345), "12.3 s"],
    [formatDuration(59_970), "1 min 00 s"],
    [formatDuration(245_000), "4 min 05 s"],
    [formatDuration(3_599_700), "1 h 00 min"],
    [formatDuration(3_720_000), "1 h 02 min"],
    [formatBytes(0), "0 B"],
    [formatBytes(1_023), "1023 B"],
    [formatBytes(1_536), "1.5 KiB"],
    [formatBytes(1_048_560), "1.0 MiB"],
    [formatBytes(20 * 1024 ** 2), "20.0 MiB"],
    [formatUsd(null), "unknown"],
    [formatUsd(0), "$0.00"],
    [formatUsd(0.000_042), "$0.000042"],
    [formatUsd(0.0099), "$0.0099"],
    [formatUsd(1.999), "$2.00"],
    [formatUsd(1_234.5), "$1,234.50"],
    [formatPercent(null), "unknown"],
    [formatPercent(0.1234), "12.3 %"],
    [formatPoints(0.12), "+12.0"],
    [formatPoints(-0.035), "-3.5"],
    [formatPoints(-0.0001), "0.0"],
    [formatRate(0), "0.0/s"],
    [formatRate(0.0123), "0.012/s"],
    [formatRate(12.345), "12.3/s"],
    [formatRate(1_234.5), "1,235/s"],
  ])("write %s", (actual, expected) => {
    expect(actual).toBe(expected);
  });

  it("never show a cost above nothing as nothing", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-7, max: 1e6, noNaN: true }), (dollars) => {
        expect(Number(formatUsd(dollars).slice(1).replaceAll(",", ""))).toBeGreaterThan(0);
      }),
    );
  });
});
