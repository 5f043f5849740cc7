// The kubelet evicts an agent that has episodes open: its /tmp is filled above its `sizeLimit`. It takes a minute and more to
// see that, so the model answers slowly, and agents have episodes open all that time. It gives the pod two seconds after SIGTERM.
import { setTimeout as pause } from "node:timers/promises";
import type { WorkerId } from "@hindcast/shared";
import { faultsOf, purchasesOf } from "../../chaos/checker.ts";
import { episodeResults, type History, readHistory } from "../../chaos/history.ts";
import type { Policy } from "../../chaos/policy.ts";
import {
  aBusyPod,
  agentLabel,
  agentsDeployment,
  agentsNamespace,
  busNamespace,
  openInstallation,
  scaleAgents,
  untilReady,
} from "../installation.ts";
import { followedLog, kubectl, podsOf } from "../kubectl.ts";
import { found, until } from "../told.ts";
import { handedOver, type HandedOver } from "./handed-over.ts";
import { startSlowProvider } from "./slow-provider.ts";

/** Above the `sizeLimit` of an agent's /tmp. */
const ballastMiB = 1_100;
/** So that there is another one to go on. */
const agentsCount = 2;
/** About a minute an episode. */
const stepsPerEpisode = 15;
const answerMs = [2_500, 4_500] as const;
/** By then no agent is just trying a sandbox, as it does when it starts, and the first steps are stored. */
const callsBefore = 12;
const callsMsMax = 120_000;
const seed = 61;

/** Of an agent. */
interface LogLine {
  event: string;
  workerId?: WorkerId;
  reason?: string;
  attempt?: number;
  step?: number;
}

export async function eviction(overlay: string, documents: number): Promise<string> {
  await using provider = await startSlowProvider({ stepsPerEpisode, answerMs });
  await kubectl(["-n", busNamespace, "rollout", "restart", "deployment/coordinator"]);
  await kubectl(["-n", agentsNamespace, "rollout", "restart", agentsDeployment]);
  await untilReady();
  await scaleAgents(agentsCount);
  await untilReady();
  await using hindcast = await openInstallation(documents);
  const working = hindcast.campaign(seed, provider.campaign);
  await untilCalled(provider.policy);
  const pod = await aBusyPod();
  // Both end with the pod.
  const log = followedLog(agentsNamespace, pod);
  const fill = `dd if=/dev/zero of=/tmp/ballast bs=1M count=${ballastMiB}`;
  void kubectl(["-n", agentsNamespace, "exec", pod, "--", "sh", "-c", fill]).catch(() => "");
  const { at, said } = await evictionOf(pod);
  provider.hurry();
  const told = await found(overlay, ({ detail }) => detail.includes(pod) && /evicted/.test(detail));
  await working;
  const own = lastWords(await log);
  const judged = await hindcast.judge();
  const history = await readHistory(await hindcast.access("coordinator"));
  const episodes = handedOver(history, own.worker, at);
  if (!episodes.some(({ steps }) => steps > 0)) throw new Error(`${pod} was not in mid-episode when it was evicted`);
  const bought = purchases(provider.policy, history, episodes.length);
  const lines = [`Kubernetes: ${said}`, `then ${own.said}, ${await endOf(pod)}`, continued(episodes), bought];
  const line = await resumed(episodes.find(({ steps }) => steps > 0)!);
  await kubectl(["-n", agentsNamespace, "delete", "pod", pod, "--ignore-not-found"]);
  return [...lines, line, told, judged].join("; ");
}

async function untilCalled({ purchases: calls }: Policy): Promise<void> {
  for (const deadline = Date.now() + callsMsMax; calls.length < callsBefore; await pause(500))
    if (Date.now() > deadline) throw new Error(`agents called the model ${calls.length} times only`);
}

/** Of the event: a pod whose program ends in order says `Completed`. @returns when, in epoch milliseconds, and its words */
async function evictionOf(pod: string): Promise<{ at: number; said: string }> {
  const ofPod = `--field-selector=involvedObject.name=${pod},reason=Evicted`;
  const path = "jsonpath={range .items[*]}{.firstTimestamp} {.reason}: {.message}{end}";
  const event = await until(() => kubectl(["-n", agentsNamespace, "get", "events", ofPod, "-o", path]), /Evicted/);
  const [time = "", ...words] = event.trim().split(" ");
  return { at: Date.parse(time), said: words.join(" ") };
}

/** What the program itself wrote: who it was, and whether it was told to end. */
function lastWords(log: string): { worker: WorkerId; said: string } {
  const lines = log
    .split("\n")
    // The last one may have been cut by its death.
    .flatMap((line) => (/^\{.*\}$/.test(line) ? [JSON.parse(line) as LogLine] : []));
  const worker = lines.find(({ workerId }) => workerId !== undefined)?.workerId;
  if (worker === undefined) throw new Error("the evicted pod's log says nothing of its agent");
  const events = lines.flatMap(({ event, reason }) =>
    /^process\.(draining|aborted|stopped|failed)$/.test(event)
      ? [`${event}${reason === undefined ? "" : ` (${reason})`}`]
      : [],
  );
  return { worker, said: `its log: ${events.length === 0 ? "no word of an end" : events.join(", ")}` };
}

async function endOf(pod: string): Promise<string> {
  const path = "jsonpath={.status.phase} {.status.reason} {.status.containerStatuses[0].state.terminated.exitCode}";
  const [phase, reason, code] = (await kubectl(["-n", agentsNamespace, "get", "pod", pod, "-o", path])).split(" ");
  return `the pod ${phase}${reason === "" ? "" : ` (${reason})`}, exit code ${code === "" ? "unknown" : code}`;
}

const seconds = (ms: number): string => (ms / 1_000).toFixed(0);

const continued = (episodes: readonly HandedOver[]): string =>
  `${episodes.length} episodes were open in it: ${episodes
    .map(
      ({ steps, isInOrder, attempt, afterMs }) =>
        `${steps} of ${stepsPerEpisode} steps stored, ${isInOrder ? "handed back in order" : "its lease ran out"}, attempt ${attempt} by another agent from step ${steps} after ${seconds(afterMs)} s`,
    )
    .join(" and ")}`;

/** @throws Error where an episode is not what the model asked for, or an answer was bought twice */
function purchases(policy: Policy, history: History, lostMax: number): string {
  const results = episodeResults(history);
  const faults = results.flatMap((result) => [
    ...faultsOf(result, history, policy),
    ...(result.value.reason === "submitted" ? [] : [`${result.value.episodeId} ended as ${result.value.reason}`]),
  ]);
  if (faults.length > 0) throw new Error(faults.join("; "));
  const { paidTwice, answersLostInFlight, usedUnjournaled } = purchasesOf(policy, history);
  if (paidTwice > 0) throw new Error(`${paidTwice} answers were bought although they stood in the journal`);
  if (usedUnjournaled > 0) throw new Error(`${usedUnjournaled} steps follow answers that are not in the journal`);
  if (answersLostInFlight > lostMax)
    throw new Error(`${answersLostInFlight} answers were lost, with ${lostMax} episodes`);
  const needed = results.length * (stepsPerEpisode + 1);
  const bought = policy.purchases.length;
  if (bought !== needed + answersLostInFlight)
    throw new Error(`${bought} calls were made, of which ${needed} are needed`);
  return `${bought} calls, ${needed} needed, ${answersLostInFlight} died unanswered with the pod, none bought twice`;
}

/** The line that the other agent wrote. */
async function resumed({ episodeId }: HandedOver): Promise<string> {
  for (const pod of await podsOf(agentsNamespace, agentLabel)) {
    const lines = (await kubectl(["-n", agentsNamespace, "logs", pod])).split("\n");
    const line = lines.find((each) => each.includes('"episode.resumed"') && each.includes(episodeId));
    if (line === undefined) continue;
    const { event, attempt, step } = JSON.parse(line) as LogLine;
    return `log: ${event}, attempt ${attempt}, step ${step}`;
  }
  throw new Error(`no agent's log says that it went on with ${episodeId}`);
}
