import {
  AdmissionDone,
  AdmissionResume,
  AdmissionStatus,
  AdmissionStatusRequest,
  AdmissionTune,
  AdmissionTuned,
  type Change,
  HindcastError,
  LaneId,
  subjects,
} from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { laneTuning } from "./retuning.ts";
import { unknownTarget } from "./targets.ts";

/** Before a lane's id where a campaign or a worker could be meant. */
export const lanePrefix = "lane:";

/**
 * Changes limits of a lane at whoever admits now; it writes them down before it answers, for whoever admits next.
 * @throws BUS_NOT_FOUND for a lane that nothing was sent on, CONFIG_UNKNOWN_KEY, CONFIG_INVALID, BUS_UNAVAILABLE when
 * nobody admits at the moment
 */
export async function retuneLane(
  bus: Pick<Bus, "request">,
  name: string,
  values: Readonly<Record<string, string>>,
): Promise<Change[]> {
  const tuning = laneTuning(values);
  const lane = LaneId.safeParse(name);
  if (!lane.success) throw await unknownLane(bus, name);
  try {
    const { before, after } = await bus.request({
      subject: subjects.admission("tune"),
      request: AdmissionTune,
      reply: AdmissionTuned,
      value: { v: 1, kind: "admission.tune", lane: lane.data, tuning },
    });
    return (Object.keys(tuning) as (keyof typeof before)[]).map((key) => ({
      what: `lane ${lane.data}`,
      campaignId: null,
      before: `${key}=${before[key] ?? "none"}`,
      after: `${key}=${after[key] ?? "none"}`,
      problem: null,
    }));
  } catch (error) {
    if (error instanceof HindcastError && error.code === "BUS_NOT_FOUND") throw await unknownLane(bus, name);
    throw error;
  }
}

/**
 * Uses a paused lane again, e.g. after a spend limit was raised.
 * @throws BUS_NOT_FOUND for a lane that nothing was sent on, BUS_UNAVAILABLE when nobody admits at the moment
 */
export async function resumeLane(bus: Pick<Bus, "request">, name: string): Promise<Change[]> {
  const lane = (await lanesOf(bus)).find((one) => one.lane === name);
  if (lane === undefined) throw await unknownLane(bus, name);
  await bus.request({
    subject: subjects.admission("resume"),
    request: AdmissionResume,
    reply: AdmissionDone,
    value: { v: 1, kind: "admission.resume", lane: lane.lane },
  });
  return [{ what: `lane ${lane.lane}`, campaignId: null, before: lane.block ?? "open", after: "open", problem: null }];
}

async function lanesOf(bus: Pick<Bus, "request">): Promise<AdmissionStatus["lanes"]> {
  const { lanes } = await bus.request({
    subject: subjects.admission("status"),
    request: AdmissionStatusRequest,
    reply: AdmissionStatus,
    value: { v: 1, kind: "admission.status" },
  });
  return lanes;
}

async function unknownLane(bus: Pick<Bus, "request">, name: string): Promise<HindcastError> {
  const known = (await lanesOf(bus)).map(({ lane }) => `${lanePrefix}${lane}`);
  return unknownTarget(`${lanePrefix}${name}`, "lane that requests were sent on", known);
}
