// What is read of pods, and what is made of it.
import { HindcastError } from "@hindcast/shared";
import { z } from "zod";
import { containerName } from "./pod-settings.ts";

const ContainerStatus = z.looseObject({
  name: z.string(),
  state: z
    .looseObject({
      waiting: z.looseObject({ reason: z.string().default(""), message: z.string().default("") }).optional(),
      running: z.looseObject({}).optional(),
      terminated: z
        .looseObject({ reason: z.string().default(""), exitCode: z.int(), message: z.string().default("") })
        .optional(),
    })
    .default({}),
});

export const Pod = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    annotations: z.record(z.string(), z.string()).default({}),
    deletionTimestamp: z.string().optional(),
  }),
  spec: z.looseObject({
    containers: z.array(
      z.looseObject({
        name: z.string(),
        image: z.string(),
        resources: z.looseObject({ limits: z.record(z.string(), z.string()).default({}) }).default({ limits: {} }),
      }),
    ),
  }),
  status: z
    .looseObject({
      phase: z.string().default("Pending"),
      reason: z.string().default(""),
      message: z.string().default(""),
      conditions: z
        .array(z.looseObject({ type: z.string(), status: z.string(), message: z.string().default("") }))
        .default([]),
      containerStatuses: z.array(ContainerStatus).default([]),
    })
    .prefault({}),
});
export type Pod = z.infer<typeof Pod>;

/** Of a container that does not come to run by itself. */
const hopeless =
  /^(ErrImage|ImagePull|InvalidImage|ImageInspect|RegistryUnavailable|CreateContainer|RunContainer|StartError)/;

/** True once its container runs. @throws SANDBOX_UNAVAILABLE for a pod that never will */
export function isRunning(pod: Pod | null): boolean {
  if (pod === null || pod.metadata.deletionTimestamp !== undefined)
    throw unavailable("it was deleted while it started");
  const how = endOf(pod);
  if (how !== null) throw unavailable(how);
  const { waiting, running } = stateOf(pod);
  if (waiting !== undefined && hopeless.test(waiting.reason)) {
    throw unavailable(`${waiting.reason}: ${waiting.message}`);
  }
  return running !== undefined;
}

/** How a pod ended whose processes are gone; null while some may live. */
export function endOf({ status, ...pod }: Pod): string | null {
  const { terminated } = stateOf({ status, ...pod });
  const { phase, reason, message } = status;
  if (terminated === undefined && phase !== "Failed" && phase !== "Succeeded") return null;
  const words = [reason, message, terminated?.reason, terminated?.message].filter(Boolean);
  const code = terminated === undefined ? "" : ` with exit code ${terminated.exitCode}`;
  return `the pod ended${code}: ${words.join(" ") || phase}`;
}

/** Why it does not run yet. */
export function pendingReason(pod: Pod | null): string {
  if (pod === null) return "the pod is not there";
  const unmet = pod.status.conditions.find(({ type, status }) => type === "PodScheduled" && status === "False");
  const { waiting } = stateOf(pod);
  return unmet?.message || `${waiting?.reason ?? pod.status.phase} ${waiting?.message ?? ""}`.trim();
}

function stateOf({ status }: Pick<Pod, "status">): Pod["status"]["containerStatuses"][number]["state"] {
  return status.containerStatuses.find(({ name }) => name === containerName)?.state ?? {};
}

function unavailable(why: string): HindcastError {
  const message = `a sandbox's pod: ${why}`;
  return new HindcastError({ code: "SANDBOX_UNAVAILABLE", boundary: "sandbox", message, retryable: true });
}
