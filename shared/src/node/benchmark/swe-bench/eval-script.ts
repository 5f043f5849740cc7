// An instance's evaluation script, fitted to a place without conda and without a network, and taken apart at its marks:
// the parts run one after another in one shell, so that which output the tests wrote, and how they ended, is known from
// outside and need not be believed.
import { marks } from "./eval-log.ts";

export interface EvalScript {
  /** Installs the project and puts the tests of the test patch into place. */
  prepare: string;
  /** The test command; its exit code is the tests'. */
  test: string;
  /** Takes the tests away again. */
  restore: string;
}

/** Lines that only make sense in upstream's images. */
const foreign = [/^source \/opt\/miniconda3\//, /^conda activate\b/, /^git config --global\b/, /\blocale-gen\b/, /^#!/];

/** Under this tox a copied interpreter loses its packages; the command that it runs is known. */
const tox = /^tox --current-env -e\S+ -v -- /;

/** The base commit is the repository's first here, and would show all of its files: tens of megabytes of a large one. */
const show = /^git show\s*$/;

/** Upstream's images have a daemon of Maven's, and the wrapper would fetch a Maven: the one that is here does the same. */
const maven = /(^|[(\s])(?:\.\/mvnw|mvnd)(?=\s)/g;

/** @returns null where the script lacks its marks */
export function fitEvalScript(script: string): EvalScript | null {
  const lines = script.split("\n");
  const start = lines.findIndex((line) => isMark(line, marks.start));
  const end = lines.findIndex((line, index) => index > start && isMark(line, marks.end));
  if (start === -1 || end === -1) return null;
  return {
    prepare: fitted(lines.slice(0, start)),
    test: fitted(lines.slice(start + 1, end)),
    restore: fitted(lines.slice(end + 1)),
  };
}

/** `: '>>>>> …'`, which `set -x` prints, or `echo '>>>>> …'`. */
function isMark(line: string, mark: string): boolean {
  return /^\s*(:|echo)\s/.test(line) && line.includes(mark);
}

/** Patches stand between the lines of a here-document and stay as they are. */
function fitted(lines: readonly string[]): string {
  let end: string | null = null;
  return lines
    .flatMap((line) => {
      if (end !== null) {
        if (line === end) end = null;
        return [line];
      }
      end = /<<\s*'([^']+)'\s*$/.exec(line)?.[1] ?? null;
      if (foreign.some((pattern) => pattern.test(line))) return [];
      if (line.startsWith("export ")) return [line.replace("en_US.UTF-8", "C.UTF-8")];
      return [
        line
          .replace(tox, "python -X dev -m pytest -rA --durations 25 ")
          .replace(show, "git show --no-patch")
          .replaceAll(maven, "$1mvn"),
      ];
    })
    .join("\n");
}

/**
 * A test command that compiles what the tests need and runs none of them, with the same flags, so that what it leaves
 * fits. Null where the command is not Cargo's or Go's.
 */
export function compileOnly(test: string): string | null {
  const command = test.trim();
  if (command.includes("\n")) return null;
  const cargo = command.replace(/\bcargo test\b/, "cargo test --no-run");
  if (cargo !== command) return cargo;
  const inner = /^\((go test .*)\) \| cat$/.exec(command)?.[1];
  // The last of several counts.
  return inner === undefined ? null : `(${inner} -run '^$')`;
}

export interface RunParts {
  prepared: string;
  tested: string;
  testExitCode: number | null;
}

/**
 * The log as upstream's harness would have it. Marks that the programs printed themselves are broken up: only ours count.
 *
 * @property isForged whether there were any
 */
export function assembleLog({ prepared, tested, testExitCode }: RunParts): { log: string; isForged: boolean } {
  const parts = [prepared, tested].map(withoutMarks);
  const log = [
    parts[0],
    `+ : '${marks.start}'`,
    parts[1],
    `+ : '${marks.end}'`,
    ...(testExitCode === null ? [] : [`${marks.exitCode}: ${testExitCode}`]),
    "",
  ].join("\n");
  return { log, isForged: parts[1] !== tested };
}

/** Any line that upstream's harness would take for its own word. */
const anyMark =
  />>>>> (?=Start Test Output|End Test Output|Test Exit Code|Patch Apply|Reset Failed|Tests |Some |All |Applied)/g;

function withoutMarks(text: string): string {
  return text.replaceAll(anyMark, "> > > > > ");
}
