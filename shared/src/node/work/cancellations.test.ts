// Requirements: 5.7.pause, 5.7.cancel, 5.4.nothing-kept
import type { CampaignId, CampaignRecord } from "@hindcast/shared";
import { Cancellations } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";

const id = "c-0001" as CampaignId;
const never = new AbortController().signal;

/** Follows these states one after the other; the store's own word is the last. */
async function following(...states: CampaignRecord["state"][]): Promise<Cancellations> {
  const cancellations = new Cancellations();
  const value = (state: CampaignRecord["state"]): CampaignRecord => ({ id, state, tuning: {} }) as CampaignRecord;
  await cancellations.follow(
    {
      get: () => Promise.resolve({ value: value(states.at(-1)!), revision: 1 }),
      watch: async function* () {
        for (const state of states) {
          await Promise.resolve();
          yield { key: id, value: value(state) };
        }
      },
    },
    never,
  );
  return cancellations;
}

describe("Cancellations", () => {
  it("gives a fresh signal for a campaign that went on after its pause", async () => {
    const paused = await following("running", "paused", "paused");
    expect(paused.pauseOf(id).aborted).toBe(true);
    expect(paused.signalFor(id).aborted).toBe(false);
    expect(await paused.isPaused(id)).toBe(true);
    const resumed = await following("paused", "running");
    expect(resumed.pauseOf(id).aborted).toBe(false);
    expect(await resumed.isPaused(id)).toBe(false);
  });

  it("knows the end of a campaign that was paused", async () => {
    const cancelled = await following("paused", "cancelled");
    expect(cancelled.signalFor(id).aborted).toBe(true);
    expect(cancelled.pauseOf(id).aborted).toBe(false);
    expect((await following("finished")).signalFor(id).aborted).toBe(false);
  });

  it("forgets a campaign that has finished", async () => {
    const finish = Promise.withResolvers<void>();
    const cancellations = new Cancellations();
    const following = cancellations.follow(
      {
        get: () => Promise.resolve(null),
        watch: async function* () {
          await finish.promise;
          yield { key: id, value: { id, state: "finished", tuning: {} } as CampaignRecord };
        },
      },
      never,
    );
    const before = [cancellations.signalFor(id), cancellations.pauseOf(id)];
    finish.resolve();
    await following;
    expect(cancellations.signalFor(id)).not.toBe(before[0]);
    expect(cancellations.pauseOf(id)).not.toBe(before[1]);
  });

  it("knows whose dollar limit was moved, until the campaign is over or has its first one again", async () => {
    const cancellations = new Cancellations();
    const seen: boolean[] = [];
    const records: Pick<CampaignRecord, "state" | "tuning">[] = [
      { state: "running", tuning: { weight: 2 } },
      { state: "running", tuning: { costUsdMax: 9 } },
      { state: "paused", tuning: { costUsdMax: null } },
      { state: "running", tuning: {} },
      { state: "running", tuning: { costUsdMax: 9 } },
      { state: "finished", tuning: { costUsdMax: 9 } },
    ];
    await cancellations.follow(
      {
        get: () => Promise.resolve(null),
        watch: async function* () {
          for (const record of records) {
            await Promise.resolve();
            yield { key: id, value: { id, ...record } as CampaignRecord };
            seen.push(cancellations.hasMovedLimit(id));
          }
        },
      },
      never,
    );
    expect(seen).toEqual([false, true, true, false, true, false]);
    expect(cancellations.hasMovedLimit("c-0002" as CampaignId)).toBe(false);
  });

  it("takes no campaign for paused of which nothing is known", async () => {
    expect(await new Cancellations().isPaused(id)).toBe(false);
  });
});
