// Two attempts of one episode lie on disk, and the older one is the accepted one: the newer was begun by a worker that
// was cut off and wrote on. What people and programs get to see is the accepted one.
// Requirements: 5.3.accepted
import { tmpdir } from "node:os";
import { type EpisodeEnded, type EpisodeId, type TaskId, type WorkerId } from "@hindcast/shared";
import { type Bus, trajectoryDigest } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findEpisode } from "../../coordinator/src/cli/show.ts";
import type { EpisodeExport } from "../../coordinator/src/export/atif-episode.ts";
import { ExportSources } from "../../coordinator/src/export/export-sources.ts";
import { aCampaign } from "../support/admission.ts";
import { aDemonstration, aStepRecorded, anEpisodeEnded, anEpisodeStarted } from "../support/messages.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";

const never = new AbortController().signal;
const episodeId = "ep-1" as EpisodeId;
const taskId = "task-1" as TaskId;
const [older, newer] = ["w-1", "w-2"] as [WorkerId, WorkerId];
let nats: TestNats;
let bus: Bus;
let digest: EpisodeEnded["digest"];

beforeEach(async () => {
  nats = await aNatsServer();
  bus = await nats.coordinator();
  await aCampaign(bus, "c-0001");
  const [first, second] = [await nats.connect(older), await nats.connect(newer)];
  await first.trajectories.append(anEpisodeStarted());
  const stepBytes = [
    await first.trajectories.append(aStepRecorded(1)),
    await first.trajectories.append(aStepRecorded(2)),
  ];
  digest = trajectoryDigest(stepBytes);
  const zombie = { attempt: 2, fencingToken: 9, workerId: newer };
  await second.trajectories.append(anEpisodeStarted(zombie));
  for (const index of [1, 2, 3]) await second.trajectories.append(aStepRecorded(index, zombie));
});
afterEach(() => nats[Symbol.asyncDispose]());

const end = (partial: Partial<EpisodeEnded> = {}): Promise<unknown> =>
  bus.results.put(anEpisodeEnded({ taskId, episodeId, steps: 2, digest, ...partial }));

async function exported(): Promise<EpisodeExport[]> {
  await bus.demonstrations.put(aDemonstration(1));
  await using sources = new ExportSources(bus, { folder: tmpdir(), signal: never });
  for await (const _each of sources.demonstrations()) continue;
  const episodes: EpisodeExport[] = [];
  for await (const episode of sources.episodes()) episodes.push(episode);
  return episodes;
}

describe("an episode with a newer attempt than the accepted one", () => {
  it("is shown as its terminal record accepted it, and by its newest attempt only until it has ended", async () => {
    expect(await findEpisode(bus, episodeId)).toMatchObject({ attempt: 2, result: null, problem: null });
    await end();
    const shown = await findEpisode(bus, episodeId);
    expect(shown).toMatchObject({ attempt: 1, result: { attempt: 1 }, problem: null });
    expect(shown.trajectory.steps.map(({ index }) => index)).toEqual([1, 2]);
  });

  it("is exported as its terminal record accepted it", async () => {
    await end();
    const episodes = await exported();
    expect(episodes).toMatchObject([{ ended: { attempt: 1 } }]);
    expect(episodes[0]?.trajectory.steps.map(({ index }) => index)).toEqual([1, 2]);
  });

  it("is never exported, and shown only with a word on it, when the record vouches for none of them", async () => {
    await end({ steps: 1 });
    expect(await exported()).toEqual([]);
    expect(await findEpisode(bus, episodeId)).toMatchObject({
      attempt: 2,
      problem: expect.stringContaining("are not the 1 that its terminal record vouches for"),
    });
  });
});
