// The nightly Job run at once, what it wrote, and the streams put back from it: one that was deleted, and all of them into
// volumes that are empty. By the guide's own commands.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { RetrievalStats, RetrievalStatsRequest, streams, subjects } from "@hindcast/shared";
import { connectBus } from "@hindcast/shared/node";
import { follow, guideBlock, withoutKeda } from "../guide.ts";
import { type Installation, untilReady } from "../installation.ts";
import type { TestVolumes } from "../local-volumes.ts";
import { assertSame, deleteStream, kept, storedIn, streamNames } from "../stored.ts";

export interface Cluster {
  hindcast: Installation;
  volumes: TestVolumes;
  /** Folder that kubectl applies. */
  overlay: string;
}

const heading = "Back up and restore";
const natsClaims = ["data-nats-0", "data-nats-1", "data-nats-2"];
const askedMsMax = 120_000;

/** @throws Error where a stream of NATS is not in it */
export async function backUp({ hindcast, volumes }: Cluster): Promise<string> {
  await follow(guideBlock(heading, "--from=cronjob/backup"));
  const newest = join(volumes.folder("backup"), "newest");
  const saved = readdirSync(newest).toSorted();
  const there = await streamNames(await hindcast.access("coordinator"));
  const left = there.filter((name) => !saved.includes(name));
  if (left.length > 0) throw new Error(`not saved: ${left.join(", ")}`);
  const bytes = saved.map((name) => statSync(join(newest, name, "stream.tar.s2")).size);
  return `${saved.length} of ${there.length} streams, ${Math.ceil(bytes.reduce((sum, each) => sum + each, 0) / 1024)} KiB`;
}

export async function restoreOneStream(cluster: Cluster): Promise<string> {
  const { hindcast } = cluster;
  const before = await storedIn(await hindcast.access("coordinator"));
  await stopPrograms();
  await deleteStream(await hindcast.access("coordinator"), streams.results);
  const told = await putBack(cluster, before);
  const restored = restoredIn(told);
  if (restored.join() !== streams.results) throw new Error(`put back: ${restored.join(", ")}`);
  return `${streams.results}: ${before.get(streams.results)}, as before; the others were left alone`;
}

export async function restoreAll(cluster: Cluster): Promise<string> {
  const { hindcast, volumes } = cluster;
  const before = await storedIn(await hindcast.access("coordinator"));
  await stopPrograms();
  const [down = "", remove = "", up = ""] = guideBlock(heading, "delete pvc");
  await follow([down, remove]);
  for (const claim of natsClaims) await volumes.renew(claim);
  await follow([up]);
  const left = await streamNames(await hindcast.access("coordinator"));
  if (left.length > 0) throw new Error(`the new volumes are not empty: ${left.join(", ")}`);
  const restored = restoredIn(await putBack(cluster, before));
  const indexed = await indexFollows(hindcast);
  return `${restored.length} streams on three empty volumes; ${kept.join(", ")} are as before, message by message; the index answers from ${indexed} demonstrations`;
}

const stopPrograms = (): Promise<string> => follow(withoutKeda(guideBlock(heading, "paused-replicas=0")));

/** The Job, the comparison while nobody writes, and the programs. @returns what the Job said */
async function putBack({ hindcast, overlay }: Cluster, before: Map<string, string>): Promise<string> {
  const block = withoutKeda(guideBlock(heading, "--from=cronjob/restore"));
  const at = block.findIndex((line) => line.includes("apply -k"));
  const told = await follow(block.slice(0, at));
  assertSame(before, await storedIn(await hindcast.access("coordinator")));
  await follow(block.slice(at), { "deploy/kubernetes/overlays/production": overlay });
  await untilReady();
  return told;
}

const restoredIn = (told: string): string[] => [...told.matchAll(/^restored: (.+)$/gm)].map(([, name = ""]) => name);

/** @returns how many demonstrations are served, once those are all */
async function indexFollows(hindcast: Installation): Promise<number> {
  const { servers, user, password, inboxPrefix, caFile } = await hindcast.access("client");
  const bus = await connectBus({ servers, credentials: { user, password }, name: "proof", inboxPrefix, caFile });
  try {
    for (const deadline = Date.now() + askedMsMax; ; await pause(1_000)) {
      const { demonstrations, lag } = await bus.request({
        subject: subjects.retrievalStats,
        request: RetrievalStatsRequest,
        reply: RetrievalStats,
        value: { v: 1, kind: "retrieval.stats" },
      });
      if (lag === 0 && demonstrations > 0) return demonstrations;
      if (Date.now() > deadline) throw new Error(`the index has ${demonstrations} demonstrations, ${lag} behind`);
    }
  } finally {
    await bus.close();
  }
}
