// The overlay `local` with the component `gvisor`: agents, and the sandboxes that they make, have gVisor's kernel instead of the
// node's. How a node gets the handler is in deploy/README.md (gVisor on a node); what bubblewrap needs there, in ADR 87.
import { z } from "zod";
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
import { gvisorMissing, kernelOf } from "../runtime-handler.ts";
import type { Section } from "../section.ts";
import { variantFolder } from "../variant.ts";
import { endABusyAgent } from "../operations/drain.ts";

const Pods = z.looseObject({
  items: z.array(z.looseObject({ spec: z.looseObject({ runtimeClassName: z.string() }) })),
});

export const gvisor: Section = {
  title: "Agents in gVisor",
  intro:
    "The overlay `local` with the component `gvisor`. Which kernel a pod has is asked of the pod itself, and of a sandbox in it.",
  missing: gvisorMissing,
  run: async (rows, { documents }) => {
    await rows.add("apply the overlay with the component, every pod ready", async () => {
      await removeInstallation();
      await applyCredentials();
      using variant = variantFolder({ overlay: "local", components: ["gvisor"] });
      await applyOverlay(variant.path);
      return `${await untilReady()} pods`;
    });
    await rows.add("agents have gVisor's kernel, without a privilege", async () => {
      const answer: unknown = JSON.parse(
        await kubectl(["-n", agentsNamespace, "get", "pods", "-l", agentLabel, "-o", "json"]),
      );
      for (const { spec } of Pods.parse(answer).items) {
        if (spec.runtimeClassName !== "gvisor")
          throw new Error(`an agent has the RuntimeClass ${spec.runtimeClassName}`);
        if (JSON.stringify(spec).includes('"privileged":true')) throw new Error("an agent is privileged");
      }
      const kernels: string[] = [];
      for (const pod of await podsOf(agentsNamespace, agentLabel)) {
        const { release, log } = await kernelOf(agentsNamespace, pod);
        if (!release.endsWith("-gvisor") || !log.includes("gVisor")) throw new Error(`${pod} has ${release}: ${log}`);
        kernels.push(`${release}, whose log begins with “${log.replace(/^\[.*?\] /, "")}”`);
      }
      return [...new Set(kernels)].join("; ");
    });
    await using hindcast = await openInstallation(documents);
    await rows.add("a campaign, whose sandboxes are bubblewrap's in gVisor", async () => {
      const working = hindcast.campaign(81);
      const pod = await aBusyPod();
      return `${await working}; a sandbox was open in ${pod}`;
    });
    await rows.add("a busy agent is ended under load", async () => {
      const working = hindcast.campaign(82);
      const measured = await endABusyAgent();
      return `${measured}; ${await working}`;
    });
    await rows.add("nothing lost, nothing doubled", () => hindcast.judge());
  },
};
