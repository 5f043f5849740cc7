// Findings as an aligned table or JSON, and what they mean for the exit code.
import type { Finding } from "../report/finding.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

export function showFindings(terminal: Terminal, event: "doctor" | "preflight", findings: readonly Finding[]): void {
  const isWell = findings.every(({ state }) => state !== "missing");
  const { paint } = terminal.pen;
  const colour = { good: paint.green, advice: paint.yellow, missing: paint.red };
  terminal.result({ event, isWell, findings }, () =>
    [
      terminal.table(
        [{ header: "what" }, { header: "state" }, { header: "found, or what to do", isFlexible: true }],
        findings.map(({ what, state, detail }) => [what, colour[state](state), detail]),
      ),
      "",
      isWell ? "everything that is needed is here" : "something that is needed is missing: see above",
    ].join("\n"),
  );
  if (!isWell) process.exitCode = exitCodes.failed;
}
