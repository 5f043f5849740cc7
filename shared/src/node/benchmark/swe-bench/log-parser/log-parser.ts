import type { TestStatuses } from "../test-status.ts";

export interface LogFacts {
  /** Some repositories changed their test runner: then the instance says which. */
  instanceId: string;
}

/**
 * Reads the statuses of tests out of a runner's log. Pure, never throws, linear in the log's length: logs are printed by
 * programs that a model may have written.
 */
export type LogParser = (log: string, facts: LogFacts) => TestStatuses;

/** A parser that looks at each line, stripped, by itself. */
export function parseEachLine(record: (line: string, statuses: TestStatuses) => void): LogParser {
  return (log) => {
    const statuses: TestStatuses = new Map();
    for (const line of log.split("\n")) record(line, statuses);
    return statuses;
  };
}
