// Requirements: 3.3.fencing, 5.2.collector
import type { Sha256 } from "@hindcast/shared";
import { trajectoryDigest } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { aStepRecorded, anEpisodeEnded, anEpisodeStarted } from "../../test/support/messages.ts";
import { collectTrajectory } from "./trajectory-collector.ts";

describe("collectTrajectory", () => {
  const bytes = new Uint8Array([1]);
  const trajectories = {
    read: () => Promise.resolve([anEpisodeStarted(), aStepRecorded(1)].map((record) => ({ record, bytes }))),
  };
  const digest = trajectoryDigest([bytes]);
  const collect = (words: {
    steps: number;
    digest: Sha256;
    attempt?: number;
    fencingToken?: number;
  }): ReturnType<typeof collectTrajectory> =>
    collectTrajectory({ trajectories }, anEpisodeEnded({ attempt: 1, fencingToken: 1, ...words }));

  it("gives the steps that the terminal record vouches for", async () => {
    expect((await collect({ steps: 1, digest })).steps).toHaveLength(1);
    expect((await collect({ steps: 0, digest: trajectoryDigest([]) })).steps).toHaveLength(0);
  });

  it("refuses steps of another digest or fewer than were counted", async () => {
    await expect(collect({ steps: 1, digest: trajectoryDigest([]) })).rejects.toMatchObject({ code: "BUS_CONFLICT" });
    await expect(collect({ steps: 2, digest })).rejects.toMatchObject({ code: "BUS_CONFLICT" });
  });

  it("refuses a result whose token or attempt is not that of a recorded start, however well its digest fits", async () => {
    const message = expect.stringContaining("no attempt 1 of ep-1 was started under fencing token 2") as string;
    await expect(collect({ steps: 1, digest, fencingToken: 2 })).rejects.toMatchObject({
      code: "BUS_CONFLICT",
      message,
    });
    await expect(collect({ steps: 0, digest: trajectoryDigest([]), attempt: 2 })).rejects.toThrow("no attempt 2");
  });
});
