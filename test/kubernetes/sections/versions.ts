// An upgrade under load: programs of an earlier commit are replaced by today's one kind after the other, with campaigns running,
// and both versions of each kind at once for a while.
import { setTimeout as pause } from "node:timers/promises";
import { clusterFindings } from "../../../coordinator/src/preflight/kubernetes/cluster-findings.ts";
import { kubernetesFolder } from "../../support/manifests.ts";
import {
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
import type { Section } from "../section.ts";
import { deleteRecord, putLaterRecord } from "../stored.ts";
import { logged } from "../told.ts";
import { variantFolder } from "../variant.ts";

const overlay = `${kubernetesFolder}overlays/local`;
const programs = ["coordinator", "index-core", "rollout-agent"];
const mixedMsMax = 60_000;
const coordinators = { namespace: busNamespace, selector: "app.kubernetes.io/name=coordinator" };
const laterRecord = ["CAMPAIGNS", "c-later"] as const;

export const versions: Section = {
  title: "Two versions at once",
  intro:
    "The overlay `local` with images of an earlier commit (`--previous`, a tag), upgraded by `kubectl set image` to today's while campaigns run. The command line that starts the campaigns is today's. A record of a version that nobody has yet lies there while coordinators are rolled.",
  missing: ({ previous }) => Promise.resolve(previous === null ? "--previous names no images" : null),
  run: async (rows, { documents, previous }) => {
    const earlier = previous ?? "";
    await rows.add("apply the overlay with the earlier images", async () => {
      await removeInstallation();
      await applyCredentials();
      const images = programs.map((name) => ({ name: `hindcast/${name}`, newTag: earlier }));
      using variant = variantFolder({ overlay: "local", images });
      await applyOverlay(variant.path);
      return `${await untilReady()} pods, images of ${await imageOf(earlier)}`;
    });
    await using hindcast = await openInstallation(documents);
    await rows.add("a campaign with the earlier version alone", () => hindcast.campaign(31));
    await rows.add("agents are rolled under load, half of them first", async () => {
      await scaleAgents(2);
      await untilRolledOut(agentsNamespace, agentsDeployment);
      const working = hindcast.campaign(32);
      await underWay();
      const mixed = await half(agentsNamespace, agentsDeployment, "rollout-agent");
      const outcome = await working;
      await finish(agentsNamespace, agentsDeployment);
      return `${mixed}; ${outcome}`;
    });
    await rows.add("coordinators are rolled under load, half of them first", async () => {
      const working = hindcast.campaign(33);
      await underWay();
      // What a later version would leave behind, for those that start now to stumble over.
      await putLaterRecord(await hindcast.access("coordinator"), ...laterRecord);
      const mixed = await half(busNamespace, "deployment/coordinator", "coordinator");
      const told = (await clusterFindings(overlay)).find(({ what }) => what === "versions");
      const line = await logged(/unreadable.*another version of Hindcast/, coordinators);
      await deleteRecord(await hindcast.access("coordinator"), ...laterRecord);
      const outcome = await working;
      if (told === undefined) throw new Error("hindcast preflight does not see two versions");
      return `${mixed}; ${line}; preflight: ${told.detail}; ${outcome}`;
    });
    await rows.add("a campaign with coordinators of both versions and an earlier index", async () => {
      const outcome = await hindcast.campaign(34);
      await finish(busNamespace, "deployment/coordinator");
      return outcome;
    });
    await rows.add("the index is rolled under load, replicas first", async () => {
      const working = hindcast.campaign(35);
      await underWay();
      for (const workload of ["deployment/index-replica", "statefulset/index-core"]) {
        await setImage(busNamespace, workload, "index-core");
        await untilRolledOut(busNamespace, workload);
      }
      return await working;
    });
    await rows.add("a campaign with today's version alone", () => hindcast.campaign(36));
    await rows.add("nothing lost, nothing doubled", () => hindcast.judge());
  },
};

const setImage = (namespace: string, workload: string, container: string): Promise<string> =>
  kubectl(["-n", namespace, "set", "image", workload, `${container}=hindcast/${container}:dev`]);

/** Replaces one pod and stops there. @returns what runs then */
async function half(namespace: string, workload: string, container: string): Promise<string> {
  await setImage(namespace, workload, container);
  const selector = `app.kubernetes.io/name=${container}`;
  const path =
    'jsonpath={range .items[*]}{.spec.containers[0].image}{" "}{.status.containerStatuses[0].ready}{"\\n"}{end}';
  for (const deadline = Date.now() + mixedMsMax; Date.now() < deadline; await pause(200)) {
    const pods = await kubectl(["-n", namespace, "get", "pods", "-l", selector, "-o", path]);
    const ready = pods.split("\n").filter((line) => line.endsWith(" true"));
    if (!ready.some((line) => line.includes(":dev "))) continue;
    await kubectl(["-n", namespace, "rollout", "pause", workload]);
    const images = ready.map((line) => line.split(" ")[0] ?? "");
    return [...Map.groupBy(images, (image) => image)].map(([image, same]) => `${same.length} ${image}`).join(" and ");
  }
  throw new Error(`no ${container} of today's version became ready`);
}

async function finish(namespace: string, workload: string): Promise<void> {
  await kubectl(["-n", namespace, "rollout", "resume", workload]);
  await untilRolledOut(namespace, workload);
}

/** What a coordinator runs, by its image's own number. */
async function imageOf(tag: string): Promise<string> {
  const path = "jsonpath={.items[0].status.containerStatuses[0].imageID}";
  const id = await kubectl(["-n", busNamespace, "get", "pods", "-l", "app.kubernetes.io/name=coordinator", "-o", path]);
  return `the tag ${tag} (coordinator ${id.replace(/^.*sha256:/, "").slice(0, 12)})`;
}
