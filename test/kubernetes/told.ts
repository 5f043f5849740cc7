// What a cluster tells of something that is wrong: a line of a log, what Kubernetes says of the pods, a finding of preflight.
import { setTimeout as pause } from "node:timers/promises";
import { clusterFindings } from "../../coordinator/src/preflight/kubernetes/cluster-findings.ts";
import type { Finding } from "../../coordinator/src/report/finding.ts";
import { agentLabel, agentsNamespace } from "./installation.ts";
import { kubectl } from "./kubectl.ts";

const seenMsMax = 300_000;
const lookMs = 1_000;
/** Of a finding, which has a cluster's whole state asked. */
const askMs = 5_000;
/** The kubelet measures volumes once a minute, and a busy one later. */
const measuredMsMax = 240_000;
const linesMax = 200;

/** Whose pods. */
export interface Whose {
  namespace: string;
  selector: string;
}

export const agents: Whose = { namespace: agentsNamespace, selector: agentLabel };

/** The message of the first line of a log that says so. */
export async function logged(pattern: RegExp, whose: Whose = agents): Promise<string> {
  const lines = await until(() => logsOf(whose), pattern);
  return `log: ${messageIn(lines.split("\n").find((line) => pattern.test(line)) ?? "")}`;
}

/** The last lines of all of them, also of containers that were started again since. */
async function logsOf({ namespace, selector }: Whose = agents): Promise<string> {
  const names = await kubectl(["-n", namespace, "get", "pods", "-l", selector, "-o", "name"]);
  const logs = names
    .split("\n")
    .flatMap((name) => (name === "" ? [] : [[], ["--previous"]].map((more) => ({ name, more }))))
    // Who never started has none.
    .map(({ name, more }) => kubectl(["-n", namespace, "logs", name, `--tail=${linesMax}`, ...more]).catch(() => ""));
  return (await Promise.all(logs)).join("\n");
}

/** Of ours, which are JSON, or of another program's. */
function messageIn(line: string): string {
  if (!line.startsWith("{")) return line.slice(0, 200);
  const { status = "", msg = "" } = JSON.parse(line) as { status?: string; msg?: string };
  return [status, msg].filter((text) => text !== "").join(": ");
}

/** Waits until the kubelet starts a container again and again. @returns what Kubernetes says of its pod */
export async function crashes({ namespace, selector }: Whose = agents): Promise<string> {
  const path =
    'jsonpath={range .items[*]}Ready={.status.conditions[?(@.type=="Ready")].status} {.status.containerStatuses[0].state.waiting.reason}{"\\n"}{end}';
  const pattern = /^Ready=False CrashLoopBackOff$/m;
  const said = await until(() => kubectl(["-n", namespace, "get", "pods", "-l", selector, "-o", path]), pattern);
  return `Kubernetes: ${pattern.exec(said)?.[0] ?? said}`;
}

/** @returns the detail of preflight's first such finding, once there is one. @throws Error where none comes */
export async function found(
  overlay: string,
  isIt: (finding: Finding) => boolean,
  withinMs = seenMsMax,
): Promise<string> {
  for (const deadline = Date.now() + withinMs; ; await pause(askMs)) {
    const findings = await clusterFindings(overlay);
    const one = findings.find((finding) => isIt(finding) && finding.state !== "good");
    if (one !== undefined) return `preflight: ${one.detail}`;
    if (Date.now() > deadline) throw new Error("hindcast preflight says nothing of it");
  }
}

export const foundOfClaim = (overlay: string, claim: string): Promise<string> =>
  found(overlay, ({ what, state }) => what.startsWith(`claim hindcast/${claim}`) && state === "missing", measuredMsMax);

export async function until(look: () => Promise<string>, pattern: RegExp): Promise<string> {
  let seen = "";
  for (const deadline = Date.now() + seenMsMax; Date.now() < deadline; await pause(lookMs)) {
    seen = await look();
    if (pattern.test(seen)) return seen;
  }
  throw new Error(`${pattern.source} was not seen: ${seen.slice(-300)}`);
}
