import type { NetworkPolicy } from "../../domain/network-policy.ts";
import type { EnvironmentKind } from "../../domain/environment-spec.ts";

const descriptions: Record<EnvironmentKind, string> = {
  shell: [
    "A bash session in a Linux sandbox. The working directory /workspace holds the files of the task; the home",
    "directory /home/agent starts empty. Directory, variables and functions persist from one command to the next.",
    "The machine's own tools are installed. There is no network, no display, no root, no editor, no pager and nobody who",
    "could type an answer: commands must run without asking. Git knows an author name and e-mail address already.",
  ].join("\n"),
  browser: [
    "A web browser on the sites of the task; no other site can be reached. An observation shows the open tabs and the",
    "accessibility tree of the page in front, one element per line with its id: actions name elements by these ids, which",
    "hold until the page changes. Dialogs are dismissed and told; downloads are refused.",
  ].join("\n"),
  "swe-bench": [
    "A Linux sandbox with a Git repository in /testbed (also called /workspace), where commands begin, and an environment with what the",
    "project needs. A bash session (directory, variables and functions persist) and the editor str_replace_editor work on",
    "it. There is no network and nobody who could answer. The task is done by changing the project's source files: tests",
    "that you do not see are run on the repository as it is when you submit. Tests may be read and run, not relied on.",
  ].join("\n"),
  "no-op": "An environment without a world: it answers every action with a fixed amount of text.",
  external: "A world behind named tools. It can be changed and looked at through them alone.",
};

/** What a kind of environment is and can do, in the words that every prompt uses for it. */
export function environmentDescription(kind: EnvironmentKind, network?: NetworkPolicy): string {
  if (network?.kind !== "proxy" || network.rules.length === 0) return descriptions[kind];
  const reached = network.rules.map(({ via, host, ports }) => `${via} ${host}:${ports.join("+")}`).join(", ");
  const way = `Of the network only this can be reached, by the proxy that the environment variables name: ${reached}. There is`;
  return descriptions[kind].replace("There is no network,", way);
}
