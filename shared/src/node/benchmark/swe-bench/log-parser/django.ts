// Django's own runner, on unittest at verbosity 2: `test_x (path.Class) ... ok`. What a test prints stands between the
// dots and the status, over several lines at times; those cases are mended one by one, as upstream does.
import { isWhitespace, splitWords, strip } from "../python-text.ts";
import type { TestStatuses } from "../test-status.ts";
import type { LogParser } from "./log-parser.ts";

const dots = " ... ";
const passSuffixes = [" ... ok", " ... OK", " ...  OK"];
/** django-7188 prints a migration's line in front of the test's. */
const migrationPrefix = "Applying sites.0002_alter_domain_unique...test_no_migrations";
const versionTest = "--version is equivalent to version";

export const parseDjango: LogParser = (log) => {
  const statuses: TestStatuses = new Map();
  let previous: string | null = null;
  for (const raw of log.split("\n")) {
    let line = strip(raw);
    if (line.includes(versionTest)) statuses.set(versionTest, "PASSED");
    if (line.includes(dots)) previous = before(line, dots);
    const suffix = passSuffixes.find((each) => line.endsWith(each));
    if (suffix !== undefined) {
      if (line.startsWith(migrationPrefix)) line = strip(line.slice(line.indexOf("...") + 3));
      statuses.set(line.endsWith(suffix) ? line.slice(0, -suffix.length) : line, "PASSED");
    }
    if (line.includes(" ... skipped")) statuses.set(before(line, " ... skipped"), "SKIPPED");
    if (line.endsWith(" ... FAIL")) statuses.set(before(line, " ... FAIL"), "FAILED");
    recordHeading(line, "FAIL:", "FAILED", statuses);
    if (line.endsWith(" ... ERROR")) statuses.set(before(line, " ... ERROR"), "ERROR");
    recordHeading(line, "ERROR:", "ERROR", statuses);
    if (line.startsWith("ok") && previous !== null) statuses.set(previous, "PASSED");
  }
  for (const name of interrupted(log)) statuses.set(name, "PASSED");
  return statuses;
};

function before(line: string, mark: string): string {
  return line.slice(0, line.indexOf(mark));
}

function recordHeading(line: string, heading: string, status: string, statuses: TestStatuses): void {
  if (!line.startsWith(heading)) return;
  const name = splitWords(line)[1];
  if (name !== undefined) statuses.set(name, status);
}

/** Tests whose line was interrupted by what Django itself prints, and whose `ok` stands alone on a later line. */
function* interrupted(log: string): Generator<string> {
  const silenced = " silenced).\nok";
  let isOver = false;
  yield* namesBefore(log, "Testing against Django installed in ", (from) => {
    for (let at = isOver ? -1 : log.indexOf(silenced, from); at !== -1; at = log.indexOf(silenced, at + 1)) {
      if (isLineEnd(log, at + silenced.length)) return at + silenced.length;
    }
    // What was not found behind this place is not found behind a later one.
    isOver = true;
    return null;
  });
  const lines = new LineCursor(log);
  yield* namesBefore(log, "Internal Server Error: /", (from) => {
    const end = lines.at(from).end;
    return end > from && log[end - 1] === "/" ? okAfter(log, end) : null;
  });
  yield* namesBefore(log, "System check identified no issues (0 silenced)", (from) => okAfter(log, from));
}

/** @returns the end of the `ok` that fills the line behind the one that ends at `lineEnd` */
function okAfter(log: string, lineEnd: number): number | null {
  const end = lineEnd + "\nok".length;
  return log.startsWith("\nok", lineEnd) && isLineEnd(log, end) ? end : null;
}

function isLineEnd(log: string, at: number): boolean {
  return at === log.length || log[at] === "\n";
}

const gapLength = "…...…".length;

/** What stands in front of ` ... ${printed}` on its line, wherever `endOf` finds that test's end behind it. */
function* namesBefore(log: string, printed: string, endOf: (from: number) => number | null): Generator<string> {
  const lines = new LineCursor(log);
  let searched = 0;
  for (let at = log.indexOf(printed); at !== -1; at = log.indexOf(printed, at + 1)) {
    const nameEnd = at - gapLength;
    if (nameEnd < 0 || !isGap(log.slice(nameEnd, at))) continue;
    const { start } = lines.at(nameEnd);
    if (start < searched) continue;
    const end = endOf(at + printed.length);
    if (end === null) continue;
    yield log.slice(start, nameEnd);
    searched = end;
  }
}

/** Three dots between white space, a line's end among it. */
function isGap(text: string): boolean {
  return isWhitespace(text[0]) && text.slice(1, -1) === "..." && isWhitespace(text.at(-1));
}

/** Finds the lines of ever greater positions without reading a line twice, however many positions lie in it. */
class LineCursor {
  readonly #text: string;
  #start = 0;
  #end: number;

  constructor(text: string) {
    this.#text = text;
    this.#end = this.#endFrom(0);
  }

  /** The line that holds `position`; a line's end belongs to it. */
  at(position: number): { start: number; end: number } {
    while (this.#end < position) {
      this.#start = this.#end + 1;
      this.#end = this.#endFrom(this.#start);
    }
    return { start: this.#start, end: this.#end };
  }

  #endFrom(start: number): number {
    const end = this.#text.indexOf("\n", start);
    return end === -1 ? this.#text.length : end;
  }
}
