import { simpleCommands, shellWords } from "./shell-words.ts";

const readingVerbs = new Set(
  (
    "list ls show get view log status diff help search explain root prefix query describe grep blame cat print fund outdated info which pwd find " +
    "head tail wc echo ping whoami ls-files ls-tree ls-remote rev-parse rev-list shortlog cat-file for-each-ref show-ref name-rev merge-base show-branch " +
    "annotate whatchanged count-objects fsck sbom find-dupes verify doctor completion help-search bugs docs ll la range-diff cherry var check-ignore check-attr " +
    "test run run-script start stop restart diff-tree diff-files diff-index get-all request-pull why version-check reflog"
  ).split(" "),
);

/** Whether a command line only shows something: each of its commands starts with a verb of showing, and none writes a file. */
export function onlyReads(command: string): boolean {
  if (shellWords(command).some((word) => word.kind === "operator" && /^(?:2?>|>>)$/.test(word.text))) return false;
  return simpleCommands(command).every((words) => {
    const plain = words.filter((word) => !word.startsWith("-"));
    if (
      words.some((word) => /^(?:--get(?:-\w+)*|--list|-l|--dry-run|--version|--show-\w+)$/.test(word)) &&
      plain.length < 4
    )
      return true;
    if (/^(?:cd)$/.test(plain[0] ?? "")) return true;
    if (words.some((word) => /^(?:-o|--output(?:=.*)?)$/.test(word))) return false;
    return (
      readingVerbs.has(plain[0] ?? "") ||
      readingVerbs.has(plain[1] ?? "") ||
      (plain.length > 2 && /^(?:get|list|ls|show)$/.test(plain[2] ?? ""))
    );
  });
}
