// What a task cannot do without, judged by its commands: so that tasks a sandbox cannot support are declined, not failed.
import type { ProposedTask } from "../../prompt/prompt.ts";
import { simpleCommands } from "./shell-words.ts";

type Need = ProposedTask["needs"][number];

const networkVerbs = new Set(
  (
    "publish unpublish view info search outdated audit ping dist-tag deprecate undeprecate owner team access star stars unstar profile " +
    "token hook org trust stage doctor whoami login logout adduser clone ls-remote update ci"
  ).split(" "),
);
const credentialVerbs = new Set(
  "login logout adduser token publish unpublish deprecate owner team access profile org trust star unstar whoami stage".split(
    " ",
  ),
);
const displayVerbs = new Set("docs bugs repo browse instaweb gui gitk citool home open xdg-open".split(" "));
const editors = new Set("edit vi vim nano emacs mailx less more man view".split(" "));
const interactiveOptions = new Set(["-i", "--interactive", "--patch", "-p", "--edit", "-e"]);
/** Commands for which the short forms above mean something harmless. */
const harmlessShort =
  /^(?:grep|sed|mkdir|log|diff|show|cat-file|cp|rm|mv|ls|perl|rev-list|rebase-merge|stash|grep|fsck|config)$/;

export function needsOf(commands: readonly string[]): Need[] {
  const needs = new Set<Need>();
  for (const words of commands.flatMap((command) => simpleCommands(command))) {
    const [first = "", second = "", third = ""] = words.filter((word) => !word.startsWith("-"));
    const options = words.filter((word) => word.startsWith("-"));
    const text = words.join(" ");
    if (
      words.some((word) => /^(?:https?|git|ssh|ftp|rsync):\/\/|^git@|^git\+/.test(word)) &&
      !/\b(?:set|add|config|pkg)\b/.test(text)
    )
      needs.add("network");
    if (networkVerbs.has(second) || /^(?:curl|wget|ssh|scp|rsync)$/.test(first)) needs.add("network");
    if (isRemoteInstall(second, words.slice(2))) needs.add("network");
    if (first === "npx" || (/^(?:exec|x)$/.test(second) && first === "npm")) needs.add("network");
    if (/^(?:init|create)$/.test(second) && first === "npm" && third !== "" && !words.includes("-w"))
      needs.add("network");
    if (
      credentialVerbs.has(second) ||
      options.some(
        (option) =>
          /^(?:-[sSuv]|--verify|--sign|--gpg-sign.*|--local-user.*|--otp.*)$/.test(option) &&
          /^(?:tag|commit|merge|npm)$/.test(second),
      )
    )
      needs.add("credentials");
    if (displayVerbs.has(second) || displayVerbs.has(first)) needs.add("display");
    if (
      /^(?:sudo|apt|apt-get|yum|dnf|systemctl|mount|chown)$/.test(first) ||
      /(?:^|[ =])\/(?:etc|usr|var|opt|boot)\b/.test(text)
    )
      needs.add("root");
    if (options.some((option) => option === "--system" || (first === "npm" && /^(?:-g|--global)$/.test(option))))
      needs.add("root");
    if (
      editors.has(first) ||
      second === "edit" ||
      (options.some((option) => interactiveOptions.has(option)) &&
        !harmlessShort.test(second) &&
        !harmlessShort.test(first))
    )
      needs.add("interaction");
  }
  return [...needs];
}

/** Installing by name asks a registry; installing a folder, an archive or nothing but what is declared locally does not. */
function isRemoteInstall(verb: string, args: readonly string[]): boolean {
  if (!/^(?:install|i|add-dependency|link|update|exec)$/.test(verb)) return false;
  const packages = args.filter((word) => !word.startsWith("-"));
  return packages.some((word) => !/^\.{0,2}\/|\.tgz$|^\.$/.test(word));
}
