// The evaluation script of a task that was made here, in the form of SWE-bench's own.
import type { BugCommit } from "./bug-repository.ts";

/** @param files those of the tests that the task hides */
export function evalScriptOf({ commit, tests }: BugCommit, files: readonly string[], testCommand: string): string {
  const names = files.map(quoted).join(" ");
  return [
    "#!/bin/bash",
    "set -uxo pipefail",
    "cd /testbed",
    "git status",
    "git show --stat",
    `git -c core.fileMode=false diff ${commit}`,
    `rm -f ${names}`,
    "git apply -v - <<'EOF_114329324912'",
    tests,
    "EOF_114329324912",
    ": '>>>>> Start Test Output'",
    testCommand,
    ": '>>>>> End Test Output'",
    `rm -f ${names}`,
    "",
  ].join("\n");
}

/** Names like `[id].test.ts` mean something to a shell. */
const quoted = (file: string): string => (/^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`);
