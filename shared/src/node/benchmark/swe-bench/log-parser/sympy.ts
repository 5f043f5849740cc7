import { splitWords, strip } from "../python-text.ts";
import type { TestStatuses } from "../test-status.ts";
import type { LogParser } from "./log-parser.ts";

const endings = { E: "ERROR", F: "FAILED", ok: "PASSED" } as const;

/** SymPy's `bin/test`: `____ sympy/x/test_y.py:test_z ____` over a failure's trace, `test_z ok|F|E` for each test. */
export const parseSympy: LogParser = (log) => {
  const statuses: TestStatuses = new Map();
  const lines = log.split("\n");
  for (const line of lines) {
    const failure = failureHeading(line);
    if (failure !== null) statuses.set(failure, "FAILED");
  }
  for (const line of lines.map(strip)) {
    if (!line.startsWith("test_")) continue;
    for (const [ending, status] of Object.entries(endings)) {
      if (line.endsWith(` ${ending}`)) statuses.set(splitWords(line)[0] ?? "", status);
    }
  }
  return statuses;
};

/** Between the line's first blank and its last: a path that ends in `.py`, a colon, a name. */
function failureHeading(line: string): string | null {
  const first = line.indexOf(" ");
  const last = line.lastIndexOf(" ");
  const mark = line.lastIndexOf(".py:", last - ".py:".length);
  return first !== -1 && mark > first && last >= mark + ".py:".length ? line.slice(first + 1, last) : null;
}
