import type { Alert } from "../alert.ts";
import { modelAndRetrievalAlerts } from "./models-and-retrieval.ts";
import { natsAlerts } from "./nats.ts";
import { processAlerts } from "./processes.ts";
import { workAlerts } from "./work.ts";

/** By the group that they stand in, in the rule files and in the runbook. */
export const alertGroups: Readonly<Record<string, readonly Alert[]>> = {
  processes: processAlerts,
  work: workAlerts,
  "models-and-retrieval": modelAndRetrievalAlerts,
  nats: natsAlerts,
};
