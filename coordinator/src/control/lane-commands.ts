import {
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

async function unknownLane(bus: Pick<Bus, "request">, name: string): Promise<HindcastError> {
  const { lanes } = await bus.request({
    subject: subjects.admission("status"),
    request: AdmissionStatusRequest,
    reply: AdmissionStatus,
    value: { v: 1, kind: "admission.status" },
  });
  const known = lanes.map(({ lane }) => `${lanePrefix}${lane}`);
  return unknownTarget(`${lanePrefix}${name}`, "lane that requests were sent on", known);
}
