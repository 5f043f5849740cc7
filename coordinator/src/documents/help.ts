import type { ParsedDocument } from "./block.ts";
import { decodePrinted } from "./decode.ts";
import { parseHelpOutput } from "./formats/help-output.ts";
import { parseManualPage } from "./formats/manual-page.ts";
import type { Surroundings } from "./manual.ts";
import { programEnvironment, runProgram } from "./run-program.ts";

const helpTimeoutMs = 10_000;
const helpBytesMax = 4 * 1024 * 1024;

/**
 * Runs `<command> --help`, without a shell, and reads what it prints: to standard error where standard output stays
 * empty, as older programs do.
 *
 * @throws Error when the command is missing, fails without printing help, or does not end in time.
 */
export async function readHelp(
  command: readonly string[],
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<ParsedDocument> {
  const options = {
    environment: programEnvironment(surroundings),
    timeoutMs: helpTimeoutMs,
    outputBytesMax: helpBytesMax,
  };
  const printed = await runProgram([...command, "--help"], options, signal);
  const text = decodePrinted(printed.output.length > 0 ? printed.output : printed.errorOutput);
  if (text.trim() === "") throw new Error(`printed nothing for --help; give its manual page or documents instead`);
  if (printed.exitCode !== 0 && !/usage|options/i.test(text)) {
    throw new Error(
      `knows no --help (exit code ${printed.exitCode ?? "none"}); give its manual page or documents instead`,
    );
  }
  // Some commands (git's among them) answer with their manual page.
  const isManualPage = /^\s*\S+\(\d\w*\)\s{2,}\S/.test(text);
  return isManualPage ? parseManualPage(text) : parseHelpOutput(text, command.join(" "));
}
