// The overlay `local`: deployed, worked with from outside and inside, scaled, drained, rolled, killed, and judged.
import { kubernetesFolder } from "../../support/manifests.ts";
import { permissionsAreRight, probesAnswer } from "../assurance.ts";
import { insideCampaign } from "../inside-campaign.ts";
import {
  aBusyPod,
  agentLabel,
  agentsDeployment,
  agentsNamespace,
  applyCredentials,
  applyOverlay,
  busNamespace,
  openInstallation,
  removeInstallation,
  scaleAgents,
  underWay,
  untilReady,
} from "../installation.ts";
import { kubectl, untilRolledOut } from "../kubectl.ts";
import { endABusyAgent } from "../operations/drain.ts";
import { retrievalFromPython } from "../python-client.ts";
import type { Section } from "../section.ts";

export const local: Section = {
  title: "The overlay `local`",
  intro:
    "“Under load” means that a campaign was running; each line says whether an episode was seen open at that moment. Demonstrations are those in the index by then.",
  missing: () => Promise.resolve(null),
  run: async (rows, { documents }) => {
    await rows.add("apply the overlay, every pod ready", async () => {
      await removeInstallation();
      await applyCredentials();
      await applyOverlay(`${kubernetesFolder}overlays/local`);
      return `${await untilReady()} pods`;
    });
    await using hindcast = await openInstallation(documents);
    await rows.add("every probe answers", probesAnswer);
    await rows.add("a campaign from outside, by port-forward and TLS", () => hindcast.campaign(11));
    await rows.add("a campaign from inside, as a Job", insideCampaign);
    await rows.add("retrieval from a pod in Python", retrievalFromPython);
    await rows.add("agents 1 → 8 → 1 under load, a busy one deleted", async () => {
      const working = hindcast.campaign(12);
      await scaleAgents(8);
      await untilRolledOut(agentsNamespace, agentsDeployment);
      const pod = await aBusyPod();
      await kubectl(["-n", agentsNamespace, "delete", "pod", pod, "--wait=false"]);
      await scaleAgents(1);
      return `${await working}; ${pod} went in mid-episode`;
    });
    await rows.add("the agents' node is drained of them under load", async () => {
      const working = hindcast.campaign(13);
      const before = await underWay();
      const path = "jsonpath={.items[0].spec.nodeName}";
      const node = await kubectl(["-n", agentsNamespace, "get", "pods", "-l", agentLabel, "-o", path]);
      const options = ["--ignore-daemonsets", "--delete-emptydir-data", `--pod-selector=${agentLabel}`];
      try {
        await kubectl(["drain", node, ...options, "--timeout=300s"]);
      } finally {
        await kubectl(["uncordon", node]);
      }
      return `${before}; ${await working}`;
    });
    await rows.add("every Deployment rolled under load", async () => {
      const working = hindcast.campaign(14);
      const before = await underWay();
      for (const namespace of [agentsNamespace, busNamespace]) {
        await kubectl(["-n", namespace, "rollout", "restart", "deployment"]);
      }
      await untilReady();
      return `${before}; ${await working}`;
    });
    await rows.add("a busy agent is ended (SIGTERM) under load", async () => {
      const working = hindcast.campaign(16);
      const measured = await endABusyAgent();
      const learned = await working;
      await untilRolledOut(agentsNamespace, agentsDeployment);
      return `${measured}; ${learned}`;
    });
    await rows.add("a pod of NATS killed under load", async () => {
      const working = hindcast.campaign(15);
      const before = await underWay();
      await kubectl(["-n", busNamespace, "delete", "pod", "nats-1", "--grace-period=0", "--force"]);
      const outcome = await working;
      await untilRolledOut(busNamespace, "statefulset/nats");
      return `${before}; ${outcome}`;
    });
    await rows.add("every permission right", () => permissionsAreRight(hindcast));
    await rows.add("nothing lost, nothing doubled", () => hindcast.judge());
  },
};
