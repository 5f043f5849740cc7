// Requirements: 5.5.pause
import { expect, it } from "vitest";
import { penFor } from "../report/style.ts";
import { renderTable } from "../report/table.ts";
import { admissionLines } from "./admission-lines.ts";

it("shows a provider's words without escape sequences", () => {
  const lane = { lane: "gemini.g.2", concurrency: 5, inFlight: 0, waiting: 1, block: "paused", until: null } as const;
  const rates = { requestsPerMinute: null, inputTokensPerMinute: null, outputTokensPerMinute: null };
  const lines = admissionLines(
    { lanes: [{ ...lane, ...rates, concurrencyMax: 100, detail: "quota\u001B[2J is\r\nspent" }], budgets: [] },
    { table: (columns, rows) => renderTable({ columns, rows }, penFor({ width: 120 })) },
  ).join("\n");
  expect(lines).toContain("paused: quota is spent");
  expect(lines).not.toContain("\u001B");
});

it("shows lanes with the reason why one is paused, and budgets", () => {
  const rates = {
    requestsPerMinute: null,
    inputTokensPerMinute: null,
    outputTokensPerMinute: null,
    concurrencyMax: 100,
  };
  const lines = admissionLines(
    {
      lanes: [
        {
          lane: "anthropic.a.1",
          ...rates,
          concurrency: 20,
          inFlight: 3,
          waiting: 0,
          block: null,
          detail: "",
          until: null,
        },
        {
          lane: "gemini.g.2",
          ...rates,
          concurrency: 5,
          inFlight: 0,
          waiting: 12,
          block: "paused",
          detail: "daily quota",
          until: "2026-11-25T00:00:00.000Z",
        },
      ],
      budgets: [{ account: "c-0001", limitUsd: 1, settledUsd: 0.25, escrowUsd: 0.1 }],
    },
    { table: (columns, rows) => renderTable({ columns, rows }, penFor({ width: 120 })) },
  ).join("\n");
  expect(lines).toContain("paused: daily quota, until 2026-11-25T00:00:00.000Z");
  expect(lines).toMatch(/anthropic\.a\.1 +20 +3 +0 +open/);
  expect(lines).toMatch(/c-0001 +\$1\.0000 +\$0\.2500 +\$0\.1000/);
});
