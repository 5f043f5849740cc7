// Until nobody has anything left to do: also campaigns that nobody follows any more.
import { setTimeout as pause } from "node:timers/promises";
import type { Installation } from "../installation.ts";
import { unfinished } from "../stored.ts";

const restMsMax = 600_000;

/** @param campaigns that have to be among those judged @returns what the streams hold. @throws Error with what is wrong in the end */
export async function untilAtRest(hindcast: Installation, campaigns: number): Promise<string> {
  let last: unknown = new Error("it was never judged");
  for (const deadline = Date.now() + restMsMax; Date.now() < deadline; await pause(3_000)) {
    try {
      const running = await unfinished(await hindcast.access("coordinator"));
      if (running.length > 0) throw new Error(`${running.join(", ")} did not end`);
      const judged = await hindcast.judge();
      if (Number.parseInt(judged, 10) < campaigns) throw new Error(`${judged}, of ${campaigns} campaigns at least`);
      return judged;
    } catch (error) {
      last = error;
    }
  }
  throw last;
}
