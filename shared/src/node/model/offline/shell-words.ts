// Enough of the shell's grammar to find the words of a command and to put other words in their place: quotes, escapes,
// operators and comments. Not a parser; what it does not know it keeps as it stands.

interface ShellWord {
  /** As written, quotes included. */
  raw: string;
  /** As the command receives it. */
  text: string;
  start: number;
  end: number;
  kind: "word" | "operator";
}

const operators = ["&&", "||", ">>", "<<", "2>&1", "2>", "|", ";", "&", ">", "<", "(", ")"];

export function shellWords(command: string): ShellWord[] {
  const words: ShellWord[] = [];
  let at = 0;
  while (at < command.length) {
    const rest = command.slice(at);
    const space = /^\s+/.exec(rest)?.[0];
    if (space !== undefined) {
      at += space.length;
      continue;
    }
    const operator = operators.find((candidate) => rest.startsWith(candidate));
    if (operator !== undefined) {
      words.push({ raw: operator, text: operator, start: at, end: at + operator.length, kind: "operator" });
      at += operator.length;
      continue;
    }
    const word = readWord(command, at);
    words.push(word);
    at = word.end;
  }
  return words;
}

function readWord(command: string, start: number): ShellWord {
  let text = "";
  let at = start;
  while (at < command.length) {
    const character = command.charAt(at);
    if (/[\s|;&<>()]/.test(character)) break;
    if (character === "\\") {
      text += command.charAt(at + 1);
      at += 2;
    } else if (character === "'" || character === '"') {
      const close = closingQuote(command, at);
      text += unescaped(command.slice(at + 1, close), character);
      at = close + 1;
    } else {
      text += character;
      at += 1;
    }
  }
  const end = Math.min(Math.max(at, start + 1), command.length);
  return { raw: command.slice(start, end), text, start, end, kind: "word" };
}

/** Index of the quote that closes the one at `open`; the end of the command when none does. */
function closingQuote(command: string, open: number): number {
  const quote = command.charAt(open);
  for (let at = open + 1; at < command.length; at += 1) {
    if (quote === '"' && command.charAt(at) === "\\") at += 1;
    else if (command.charAt(at) === quote) return at;
  }
  return command.length;
}

function unescaped(content: string, quote: string): string {
  return quote === '"' ? content.replace(/\\(["\\$`])/g, "$1") : content;
}

/** A word that the shell reads back as `text`; plain where that is possible. */
export function shellQuote(text: string): string {
  if (/^[\w@%+=:,./^~[\]{}-]+$/.test(text) && !/^~|\{.*,.*\}/.test(text)) return text;
  return /['!]/.test(text) ? `"${text.replace(/["\\$`]/g, "\\$&")}"` : `'${text}'`;
}

/** The simple commands of a command line, split at `&&`, `||`, `;`, `|` and newlines outside quotes. */
export function simpleCommands(command: string): string[][] {
  const commands: string[][] = [];
  for (const line of command.split("\n")) {
    let current: string[] = [];
    for (const word of shellWords(line)) {
      if (word.kind === "operator" && ["&&", "||", ";", "|", "&", "(", ")"].includes(word.text)) {
        if (current.length > 0) commands.push(current);
        current = [];
      } else current.push(word.text);
    }
    if (current.length > 0) commands.push(current);
  }
  return commands;
}

/** Rewrites the words of a command; a word whose text changed is quoted anew, all others stay as they were written. */
export function mapWords(command: string, change: (text: string) => string): string {
  let result = "";
  let at = 0;
  for (const word of shellWords(command)) {
    if (word.kind === "operator") continue;
    const changed = change(word.text);
    if (changed === word.text) continue;
    result += command.slice(at, word.start) + requote(word, changed);
    at = word.end;
  }
  return result + command.slice(at);
}

/** Keeps `key='value'` readable: only the part behind the first `=` is quoted when the key is plain. */
function requote(word: ShellWord, text: string): string {
  const assignment = /^([\w.[\]@:/-]+=)([\s\S]*)$/.exec(text);
  if (assignment !== null && !/^['"]/.test(word.raw)) {
    return `${assignment[1] ?? ""}${shellQuote(assignment[2] ?? "")}`;
  }
  // A glob or variable that was meant for the shell must stay bare.
  if (/[*?$]/.test(text) && word.raw === word.text) return text;
  return shellQuote(text);
}
