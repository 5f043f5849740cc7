/** What a log says of a test. */
export const testStatuses = ["FAILED", "PASSED", "SKIPPED", "ERROR", "XFAIL"] as const;

/**
 * Test id to status. The values are `testStatuses`, save where a log has another word in that place
 * (pytest's `ERROR: file not found`); such a test has not passed.
 */
export type TestStatuses = Map<string, string>;

export const isPassing = (status: string | undefined): boolean => status === "PASSED" || status === "XFAIL";
