import type { ActionLanguage } from "./action-language.ts";

/** Commands for bash, as they stand. */
export const shellLanguage: ActionLanguage = {
  oneAction: "a shell command",
  rules: ["A shell command is run as it stands in the session; several lines are allowed inside one fenced block."],
  fence: "bash",
  placeholder: "the command",
  parse: (body) => {
    if (body.includes("\0")) return { problem: "The ACTION contains a NUL byte, which no shell accepts." };
    if (/\n[ \t]*stop[ \t]*\([^\n]*\)$/.test(body)) {
      return { problem: "The ACTION ends with stop() after a command. Run the command first; stop in a later turn." };
    }
    return { kind: "shell", command: body };
  },
};
