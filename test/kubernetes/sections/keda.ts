// The component `keda` with a real KEDA: agents by the lag of their consumer, from none up, in under load, and back to none.
import { setTimeout as pause } from "node:timers/promises";
import {
  aBusyPod,
  agentLabel,
  agentsNamespace,
  applyCredentials,
  applyOverlay,
  openInstallation,
  removeInstallation,
  untilReady,
} from "../installation.ts";
import { kubectl, podsOf } from "../kubectl.ts";
import type { Section } from "../section.ts";
import { type Patch, variantFolder } from "../variant.ts";

const scaledObject = "scaledobject/rollout-agent-shell";
const pausedAnnotation = "autoscaling.keda.sh/paused-replicas";
const waitMsMax = 240_000;
/** Several agents' worth of tasks, at two slots each. */
const documentsFactor = 2;
const short = { zeroSeconds: 30, windowSeconds: 15, agentsMax: 6 };

/** The component's five minutes would make this a proof of half an hour. */
const shortened: Patch = {
  target: { kind: "ScaledObject", name: "rollout-agent-shell" },
  operations: [
    { op: "replace", path: "/spec/cooldownPeriod", value: short.zeroSeconds },
    { op: "replace", path: "/spec/maxReplicaCount", value: short.agentsMax },
    {
      op: "replace",
      path: "/spec/advanced/horizontalPodAutoscalerConfig/behavior/scaleDown",
      value: {
        stabilizationWindowSeconds: short.windowSeconds,
        policies: [{ type: "Percent", value: 50, periodSeconds: 15 }],
      },
    },
  ],
};

export const keda: Section = {
  title: "Scaled by KEDA",
  intro: `The overlay \`local\` with the component \`keda\`, whose windows are shortened: none left ${short.zeroSeconds} s after the last task (the component: 300 s), ${short.windowSeconds} s until fewer (300 s), ${short.agentsMax} agents at most.`,
  missing: async () => {
    const service = await kubectl(["get", "apiservice", "v1beta1.external.metrics.k8s.io"]).catch(() => "");
    return service.includes("True") ? null : "no KEDA serves metrics in the cluster";
  },
  run: async (rows, { documents }) => {
    await rows.add("apply the overlay with the component, KEDA reads the consumer", async () => {
      await removeInstallation();
      await applyCredentials();
      using variant = variantFolder({ overlay: "local", components: ["keda"], patches: [shortened] });
      await applyOverlay(variant.path);
      await untilReady(false);
      await until("KEDA to read the consumer", async () => {
        // What an autoscaler would be told; `Ready` is said before NATS was asked.
        const at = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${agentsNamespace}/s0-nats-jetstream-TASKS`;
        const label = "labelSelector=scaledobject.keda.sh%2Fname%3Drollout-agent-shell";
        return (await kubectl(["get", "--raw", `${at}?${label}`]).catch(() => "")).includes('"value"');
      }).catch(async (error: unknown) => {
        const failed = "--field-selector=reason=KEDAScalerFailed";
        const said = ["-n", agentsNamespace, "get", "events", failed, "-o", "jsonpath={.items[-1:].message}"];
        throw new Error(`KEDA: ${await kubectl(said).catch(String)}`, { cause: error });
      });
      return "its metric is served";
    });
    await rows.add("nothing to do: to none", async () => {
      const seconds = await until("no agent", async () => (await agents()) === 0);
      return `no agent after ${seconds} s`;
    });
    await using hindcast = await openInstallation(documents * documentsFactor);
    await rows.add("a campaign: up from none, in under load, and up again", async () => {
      const working = hindcast.campaign(21);
      const first = await until("the first agent", async () => (await agents()) > 0);
      const more = await until("more agents", async () => (await agents()) > 1);
      const busy = await aBusyPod();
      const before = await agents();
      await kubectl(["-n", agentsNamespace, "annotate", scaledObject, `${pausedAnnotation}=1`]);
      const fewer = await until("all but one to go", async () => (await agents()) <= 1);
      await kubectl(["-n", agentsNamespace, "annotate", scaledObject, `${pausedAnnotation}-`]);
      const learned = await working;
      return `the first ready after ${first} s, more after ${more} s; ${before} to 1 in ${fewer} s with ${busy} in mid-episode; ${learned}`;
    });
    await rows.add("a second one, and KEDA alone decides", async () => {
      let [isOver, highest, fewerWhileRunning] = [false, 0, 0];
      const working = hindcast.campaign(22).finally(() => (isOver = true));
      working.catch(() => undefined);
      for (let last = 0; !isOver; await pause(1_000)) {
        const now = await agents();
        if (now < last) fewerWhileRunning += last - now;
        highest = Math.max(highest, now);
        last = now;
      }
      const learned = await working;
      if (highest < 2) throw new Error(`${highest} agents at most for a queue of several`);
      return `${highest} agents at most, ${fewerWhileRunning} taken away while it ran; ${learned}`;
    });
    await rows.add("and back to none", async () => {
      const seconds = await until("no agent", async () => (await agents()) === 0);
      return `no agent ${seconds} s after the last task`;
    });
    await rows.add("nothing lost, nothing doubled", () => hindcast.judge());
  },
};

/** Those that are ready, or on their way out. */
async function agents(): Promise<number> {
  return (await podsOf(agentsNamespace, agentLabel)).length;
}

/** @returns how long it took, in whole seconds */
async function until(what: string, isSo: () => Promise<boolean>): Promise<number> {
  const begun = performance.now();
  while (!(await isSo())) {
    if (performance.now() - begun > waitMsMax) throw new Error(`no end of waiting for ${what}`);
    await pause(500);
  }
  return Math.round((performance.now() - begun) / 1_000);
}
