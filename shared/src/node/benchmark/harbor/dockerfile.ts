// The instructions of a Dockerfile, as Docker's own parser splits them: comments, continuation lines, the `escape`
// directive. Here-documents keep their text.

export interface DockerInstruction {
  /** In capitals. */
  keyword: string;
  value: string;
  /** Text of a here-document that belongs to it; null without one. */
  heredoc: string | null;
}

export function parseDockerfile(text: string): DockerInstruction[] {
  const lines = text.split(/\r?\n/);
  const escape = /^#\s*escape\s*=\s*(`|\\)/im.exec(lines.slice(0, 3).join("\n"))?.[1] ?? "\\";
  const instructions: DockerInstruction[] = [];
  while (lines.length > 0) {
    const first = lines.shift()?.trim() ?? "";
    if (first === "" || first.startsWith("#")) continue;
    const parts = [first];
    while (parts.at(-1)?.endsWith(escape) === true) {
      parts[parts.length - 1] = (parts.at(-1) ?? "").slice(0, -1).trimEnd();
      let next = lines.shift();
      // Comments and empty lines inside an instruction are passed over.
      while (next !== undefined && (/^\s*#/.test(next) || next.trim() === "")) next = lines.shift();
      if (next === undefined) break;
      parts.push(next.trim());
    }
    const whole = parts.join(" ").trim();
    const [, keyword = "", value = ""] = /^(\S+)\s*([\s\S]*)$/.exec(whole) ?? [];
    instructions.push({ keyword: keyword.toUpperCase(), value, heredoc: heredocOf(value, lines) });
  }
  return instructions;
}

/** Takes the lines of a here-document (`<<EOF`) off `lines`. */
function heredocOf(value: string, lines: string[]): string | null {
  const [, dash, end] = /<<(-?)["']?([A-Za-z_][A-Za-z0-9_]*)["']?/.exec(value) ?? [];
  if (end === undefined) return null;
  const text: string[] = [];
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    const shown = dash === "-" ? line.replace(/^\t+/, "") : line;
    if (shown === end) break;
    text.push(shown);
  }
  return text.join("\n");
}

/** The words of an instruction: its JSON array where it has that form, else split at spaces with quotes taken off. */
export function wordsOf(value: string): string[] {
  if (value.startsWith("[")) {
    try {
      const list: unknown = JSON.parse(value);
      if (Array.isArray(list)) return list.map(String);
    } catch {
      // Docker, too, takes what is no JSON for the shell form.
      return shellWords(value);
    }
  }
  return shellWords(value);
}

function shellWords(value: string): string[] {
  return [...value.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|((?:[^\s"'\\]|\\.|"[^"]*"|'[^']*')+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? (bare ?? "").replace(/["']/g, ""),
  );
}

/** `ENV A=1 B="two words"`, or the older `ENV A the rest`. */
export function variablesOf(value: string): Record<string, string> {
  if (!/^[A-Za-z_][A-Za-z0-9_]*=/.test(value)) {
    const [, name = "", rest = ""] = /^(\S+)\s+([\s\S]*)$/.exec(value) ?? [];
    return name === "" ? {} : { [name]: rest };
  }
  const pairs = [...value.matchAll(/([A-Za-z_][A-Za-z0-9_]*)=("(?:[^"\\]|\\.)*"|'[^']*'|(?:[^\s\\]|\\.)*)/g)];
  return Object.fromEntries(
    pairs.map(([, name = "", text = ""]) => [name, text.replace(/^(["'])([\s\S]*)\1$/, "$2").replace(/\\(.)/g, "$1")]),
  );
}
