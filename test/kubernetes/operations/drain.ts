// An agent in mid-episode is told to end (SIGTERM, as by a scale-down, a drain or a rollout): how long it takes, and what it
// said. Whether a step was lost is for the judge to say.
import { z } from "zod";
import { aBusyPod, agentsNamespace } from "../installation.ts";
import { followedLog, kubectl } from "../kubectl.ts";

const Line = z.looseObject({ event: z.string(), time: z.iso.datetime() });

/** @returns the times. @throws Error where it was killed, aborted its work or never said that it has ended */
export async function endABusyAgent(): Promise<string> {
  const pod = await aBusyPod();
  const log = followedLog(agentsNamespace, pod);
  log.catch(() => undefined);
  const begun = performance.now();
  await kubectl(["-n", agentsNamespace, "delete", "pod", pod]);
  const gone = performance.now() - begun;
  const events = (await log).split("\n").flatMap((line) => eventOf(line));
  const at = (event: string): number | undefined => events.findLast((line) => line.event === event)?.at;
  const [asked, ended] = [at("process.draining"), at("process.stopped")];
  if (asked === undefined || ended === undefined) throw new Error(`${pod} did not end by itself`);
  if (at("process.aborted") !== undefined) throw new Error(`${pod} was past its deadline`);
  return `${pod}: from SIGTERM to its end ${((ended - asked) / 1_000).toFixed(1)} s of 30 s, gone after ${(gone / 1_000).toFixed(1)} s`;
}

function eventOf(line: string): { event: string; at: number }[] {
  if (!line.startsWith("{")) return [];
  const parsed = Line.safeParse(JSON.parse(line));
  return parsed.success ? [{ event: parsed.data.event, at: Date.parse(parsed.data.time) }] : [];
}
