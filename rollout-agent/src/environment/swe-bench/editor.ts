// `str_replace_editor`, the file editor of SWE-agent and its kin: view, create, str_replace, insert, undo_edit. It works
// through the sandbox's own file access, so a file that is a link out of the repository leads nowhere.
import { HindcastError, messageOf, type ToolAction } from "@hindcast/shared";
import { sha256Hex } from "@hindcast/shared/node";
import { z } from "zod";
import type { Sandbox } from "../../sandbox/sandbox.ts";

/** Larger files are for the shell. */
const fileBytesMax = 4 * 1024 * 1024;
/** Lines shown around an edit. */
const context = 4;
const listTimeoutMs = 30_000;
const listBytesMax = 64 * 1024;
/** Below .git, where no diff shows them and every image of the sandbox has them. */
const undoFolder = ".git/editor";

const path = z.string().min(1).max(4_096);
const Input = z.discriminatedUnion("command", [
  z.strictObject({ command: z.literal("view"), path, view_range: z.tuple([z.int(), z.int()]).optional() }),
  z.strictObject({ command: z.literal("create"), path, file_text: z.string() }),
  z.strictObject({
    command: z.literal("str_replace"),
    path,
    old_str: z.string().min(1),
    new_str: z.string().default(""),
  }),
  z.strictObject({ command: z.literal("insert"), path, insert_line: z.int().nonnegative(), new_str: z.string() }),
  z.strictObject({ command: z.literal("undo_edit"), path }),
]);
type Input = z.infer<typeof Input>;

export interface Edited {
  text: string;
  isError: boolean;
}

/** Never throws for what the model wrote; a sandbox that is lost is an error as anywhere. */
export async function edit(sandbox: Sandbox, input: ToolAction["input"], signal: AbortSignal): Promise<Edited> {
  const parsed = Input.safeParse(input);
  if (!parsed.success) return failed(`the arguments are wrong: ${z.prettifyError(parsed.error)}`);
  const relative = relativePath(parsed.data.path);
  if (relative === null) return failed(`${parsed.data.path} is not a path in /testbed, such as /testbed/setup.py`);
  try {
    return { text: await run(sandbox, parsed.data, relative, signal), isError: false };
  } catch (error) {
    if (error instanceof Refusal) return failed(error.message);
    // Full, too large, a folder where a file should be: the model's affair. A lost sandbox is not.
    if (error instanceof HindcastError && !error.retryable) return failed(messageOf(error));
    throw error;
  }
}

/** What the model can do something about. */
class Refusal extends Error {}

function failed(message: string): Edited {
  return { text: `ERROR: ${message}`, isError: true };
}

/** Null outside the repository and for its `.git`. */
function relativePath(given: string): string | null {
  const names = given.split("/").filter((name) => name !== "" && name !== ".");
  const inside = given.startsWith("/")
    ? ["testbed", "workspace"].includes(names[0] ?? "")
      ? names.slice(1)
      : null
    : names;
  if (inside === null || inside.includes("..") || inside[0] === ".git" || given.includes("\0")) return null;
  return inside.length === 0 ? "." : inside.join("/");
}

async function run(sandbox: Sandbox, input: Input, file: string, signal: AbortSignal): Promise<string> {
  switch (input.command) {
    case "view":
      return (await isFolder(sandbox, file, signal))
        ? await list(sandbox, file, signal)
        : view(await read(sandbox, file), input);
    case "create":
      if (await exists(sandbox, file, signal)) {
        throw new Refusal(`File already exists at: ${input.path}. Cannot overwrite files using command \`create\`.`);
      }
      await sandbox.writeFile(file, Buffer.from(input.file_text));
      await remember(sandbox, file, null, signal);
      return `File created successfully at: ${input.path}`;
    case "str_replace": {
      const before = await read(sandbox, file);
      const at = onlyPlace(before, input);
      const after = before.slice(0, at) + input.new_str + before.slice(at + input.old_str.length);
      return await change(
        sandbox,
        { file, path: input.path, before, after, line: lineAt(before, at), added: input.new_str },
        signal,
      );
    }
    case "insert": {
      const before = await read(sandbox, file);
      const lines = before.split("\n");
      if (input.insert_line > lines.length) {
        throw new Refusal(
          `Invalid \`insert_line\` parameter: ${input.insert_line}. It should be within the range of lines of the file: [0, ${lines.length}]`,
        );
      }
      const after = [
        ...lines.slice(0, input.insert_line),
        ...input.new_str.split("\n"),
        ...lines.slice(input.insert_line),
      ].join("\n");
      return await change(
        sandbox,
        { file, path: input.path, before, after, line: input.insert_line, added: input.new_str },
        signal,
      );
    }
    case "undo_edit":
      return await undo(sandbox, file, input.path, signal);
  }
}

function onlyPlace(text: string, { old_str: wanted, path: shown }: Extract<Input, { command: "str_replace" }>): number {
  const at = text.indexOf(wanted);
  if (at === -1) {
    throw new Refusal(`No replacement was performed, old_str \`${wanted}\` did not appear verbatim in ${shown}.`);
  }
  if (text.indexOf(wanted, at + 1) === -1) return at;
  const lines: number[] = [];
  for (let each = at; each !== -1 && lines.length < 20; each = text.indexOf(wanted, each + 1))
    lines.push(lineAt(text, each) + 1);
  throw new Refusal(
    `No replacement was performed. Multiple occurrences of old_str \`${wanted}\` in lines ${lines.join(", ")}. Please ensure it is unique`,
  );
}

interface Change {
  file: string;
  path: string;
  before: string;
  after: string;
  /** Lines in front of the change. */
  line: number;
  added: string;
}

async function change(
  sandbox: Sandbox,
  { file, path: shown, before, after, line, added }: Change,
  signal: AbortSignal,
): Promise<string> {
  await remember(sandbox, file, before, signal);
  await sandbox.writeFile(file, Buffer.from(after));
  const from = Math.max(0, line - context);
  const snippet = after.split("\n").slice(from, line + added.split("\n").length + context);
  return [
    `The file ${shown} has been edited. Here's the result of running \`cat -n\` on a snippet of ${shown}:`,
    numbered(snippet, from + 1),
    "Review the changes and make sure they are as expected (correct indentation, no duplicate lines, etc). Edit the file again if necessary.",
  ].join("\n");
}

function view(text: string, { path: shown, view_range: range }: Extract<Input, { command: "view" }>): string {
  const lines = text.split("\n");
  const [from, to] = range ?? [1, -1];
  const last = to === -1 ? lines.length : to;
  if (from < 1 || from > lines.length || last < from || last > lines.length) {
    throw new Refusal(
      `Invalid \`view_range\`: [${from}, ${to}]. It should be within the range of lines of the file: [1, ${lines.length}]`,
    );
  }
  return `Here's the result of running \`cat -n\` on ${shown}:\n${numbered(lines.slice(from - 1, last), from)}`;
}

function numbered(lines: readonly string[], first: number): string {
  return lines.map((line, index) => `${String(index + first).padStart(6)}\t${line}`).join("\n");
}

function lineAt(text: string, at: number): number {
  return text.slice(0, at).split("\n").length - 1;
}

async function read(sandbox: Sandbox, file: string): Promise<string> {
  const bytes = await sandbox.readFile(file, fileBytesMax);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new Refusal(`${file} is no text in UTF-8 (${messageOf(error)}): use the shell`);
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

async function ask(sandbox: Sandbox, script: string, signal: AbortSignal): Promise<{ isYes: boolean; text: string }> {
  const command = {
    // What the session traces is no answer.
    script: `({ set +x; } 2>/dev/null; cd /workspace && ${script})`,
    timeoutMs: listTimeoutMs,
    outputBytesMax: listBytesMax,
    outputBytesKill: 64 * listBytesMax,
  };
  const { exitCode, killed, output } = await sandbox.exec(command, signal);
  // 1 is a no; all else means that nothing was asked.
  if (killed !== null || exitCode === null || exitCode > 1) {
    throw new Refusal(`the sandbox could not look (${killed ?? `exit code ${exitCode}`}): nothing was changed`);
  }
  return { isYes: exitCode === 0, text: Buffer.from(output).toString("utf8") };
}

const isFolder = async (sandbox: Sandbox, file: string, signal: AbortSignal): Promise<boolean> =>
  (await ask(sandbox, `test -d ${quoted(file)}`, signal)).isYes;
const exists = async (sandbox: Sandbox, file: string, signal: AbortSignal): Promise<boolean> =>
  (await ask(sandbox, `test -e ${quoted(file)}`, signal)).isYes;

async function list(sandbox: Sandbox, folder: string, signal: AbortSignal): Promise<string> {
  const find = `find ${quoted(folder)} -mindepth 0 -maxdepth 2 -not -path '*/.*' | LC_ALL=C sort`;
  const { text } = await ask(sandbox, find, signal);
  const shown = text.replaceAll(/^\.(?=\/|$)/gm, "/testbed").replaceAll(/^(?=[^/\n])/gm, "/testbed/");
  return `Here's the files and directories up to 2 levels deep in ${folder === "." ? "/testbed" : `/testbed/${folder}`}, excluding hidden items:\n${shown.trimEnd()}`;
}

/** Each file has a stack of what it was before its edits: `<n>.text`, or `<n>.none` where it was not there. */
const stackOf = (file: string): string => `${undoFolder}/${sha256Hex(file).slice(0, 16)}`;

async function depthOf(sandbox: Sandbox, file: string, signal: AbortSignal): Promise<number> {
  // Without the session's aliases.
  const count = `command ls -1 ${stackOf(file)} 2>/dev/null | command wc -l`;
  return Number((await ask(sandbox, count, signal)).text.trim());
}

async function remember(sandbox: Sandbox, file: string, before: string | null, signal: AbortSignal): Promise<void> {
  const depth = await depthOf(sandbox, file, signal);
  await sandbox.writeFile(`${stackOf(file)}/${depth}.${before === null ? "none" : "text"}`, Buffer.from(before ?? ""));
}

async function undo(sandbox: Sandbox, file: string, shown: string, signal: AbortSignal): Promise<string> {
  const depth = await depthOf(sandbox, file, signal);
  if (depth === 0) throw new Refusal(`No edit history found for ${shown}.`);
  const saved = `${stackOf(file)}/${depth - 1}`;
  const wasThere = await exists(sandbox, `${saved}.text`, signal);
  // Only what says that there was no file lets one be removed.
  if (!wasThere && !(await exists(sandbox, `${saved}.none`, signal))) {
    throw new Refusal(`The edit history of ${shown} cannot be read.`);
  }
  if (wasThere) await sandbox.writeFile(file, await sandbox.readFile(`${saved}.text`, fileBytesMax));
  await ask(sandbox, `command rm -f ${saved}.* ${wasThere ? "" : quoted(file)}`, signal);
  return `Last edit to ${shown} undone successfully.`;
}
