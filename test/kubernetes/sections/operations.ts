// What an operator does to a cluster that works: credentials rotated, streams saved and put back, StatefulSets rolled, agents
// ended; with the guide's own commands where it has some. On volumes, because what is in pods would go with them.
import { z } from "zod";
import {
  agentsNamespace,
  applyCredentials,
  applyOverlay,
  busNamespace,
  openInstallation,
  removeInstallation,
  underWay,
  untilReady,
} from "../installation.ts";
import { kubectl, untilRolledOut } from "../kubectl.ts";
import { volumesOfThisMachine } from "../local-volumes.ts";
import { backUp, restoreOneStream, restoreAll } from "../operations/backup.ts";
import { endABusyAgent } from "../operations/drain.ts";
import { oldCredentialsAreRefused, rotateUnderLoad } from "../operations/rotation.ts";
import { untilAtRest } from "../operations/rest.ts";
import type { Section } from "../section.ts";
import { basesOnOneMachine, variantFolder } from "../variant.ts";

const bases = ["namespaces", "nats", "coordinator", "index-core", "rollout-agent", "backup"];
const claims = ["data-nats-0", "data-nats-1", "data-nats-2", "index-index-core-0", "backup"];
/** A kubelet tells of no more. */
const imagesToldMax = 50;

const Nodes = z.looseObject({
  items: z.array(
    z.looseObject({
      status: z.looseObject({ images: z.array(z.looseObject({ names: z.array(z.string()).default([]) })).default([]) }),
    }),
  ),
});

export const operations: Section = {
  title: "Operated as the guide says",
  intro:
    "The bases of `production` without its components, with one machine's requests and volumes that are folders; rotating, saving and restoring are the commands of deploy/README.md as they stand there. What is stored is compared message by message.",
  missing: async () => {
    const nodes = Nodes.parse(JSON.parse(await kubectl(["get", "nodes", "-o", "json"])));
    const told = nodes.items.flatMap(({ status }) => status.images);
    const hasImage = told.some(({ names }) => names.some((name) => name.endsWith("hindcast/backup:dev")));
    return hasImage || told.length >= imagesToldMax
      ? null
      : "the node has no image hindcast/backup:dev (npm run images)";
  },
  run: async (rows, { documents }) => {
    await removeInstallation();
    await using volumes = await volumesOfThisMachine(claims);
    using variant = variantFolder(basesOnOneMachine(bases));
    await rows.add("apply the bases, every pod ready, volumes bound", async () => {
      await applyCredentials();
      await applyOverlay(variant.path);
      return `${await untilReady()} pods`;
    });
    const rotated = await (async () => {
      await using hindcast = await openInstallation(documents);
      await rows.add("a campaign", () => hindcast.campaign(71));
      return await rotateUnderLoad(rows, () => hindcast.campaign(72), hindcast);
    })();
    await using hindcast = await openInstallation(documents);
    await rows.add("old passwords and the old authority are refused", () =>
      oldCredentialsAreRefused(rotated, hindcast),
    );
    await rows.add("the campaign that ran meanwhile: nothing lost, nothing doubled", () => untilAtRest(hindcast, 2));
    const cluster = { hindcast, volumes, overlay: variant.path };
    await rows.add("streams saved at once, as by night", () => backUp(cluster));
    await rows.add("one stream deleted, and put back", () => restoreOneStream(cluster));
    await rows.add("all volumes of NATS lost, and all streams put back", () => restoreAll(cluster));
    await rows.add("a campaign on what was put back", () => hindcast.campaign(73));
    await rows.add("the StatefulSets nats and index-core rolled under load", async () => {
      const working = hindcast.campaign(74);
      await underWay();
      const sets = ["statefulset/nats", "statefulset/index-core"];
      await kubectl(["-n", busNamespace, "rollout", "restart", ...sets]);
      await untilRolledOut(busNamespace, ...sets);
      return await working;
    });
    await rows.add("a busy agent is ended under load", async () => {
      const working = hindcast.campaign(75);
      const measured = await endABusyAgent();
      const learned = await working;
      await untilRolledOut(agentsNamespace, "deployment/rollout-agent-shell");
      return `${measured}; ${learned}`;
    });
    await rows.add("nothing lost, nothing doubled", () => untilAtRest(hindcast, 5));
  },
};
