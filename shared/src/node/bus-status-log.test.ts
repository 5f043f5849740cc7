// Requirements: 7.bad.two-versions
import { expect, it } from "vitest";
import { logBusStatus } from "./bus-status-log.ts";

it("what another version wrote is a warning that says what to do, and what passes by itself is information", () => {
  const lines: unknown[][] = [];
  const logger = {
    info: (...line: unknown[]) => lines.push(["info", ...line]),
    warn: (...line: unknown[]) => lines.push(["warn", ...line]),
  };
  for (const status of ["disconnected", "reconnected", "error of the server", "unreadable record in CAMPAIGNS: c-9"])
    logBusStatus(logger as unknown as Parameters<typeof logBusStatus>[0], status);
  expect(lines.map(([level]) => level)).toEqual(["info", "info", "info", "warn"]);
  expect(lines.at(-1)).toEqual([
    "warn",
    { event: "bus.status", status: "unreadable record in CAMPAIGNS: c-9" },
    expect.stringMatching(/another version.*finish the upgrade or go back.*kubectl rollout undo/),
  ]);
});
