// Requirements: 3.4.resume
import { HindcastError } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { aRolloutTask } from "../../../test/support/builders.ts";
import { aStepRecorded, anEpisodeStarted } from "../../../test/support/messages.ts";
import { ScriptedEnvironment } from "../../../test/support/scripted.ts";
import { sha256Hex } from "@hindcast/shared/node";
import type { Sha256 } from "@hindcast/shared";
import { findBeginning, type Beginning } from "./resume.ts";

/** One recorded step whose state is `s1`, and a blob store that gives `image` for its snapshot. */
async function beginningWith(
  image: string | HindcastError,
  { signal = new AbortController().signal } = {},
): Promise<Beginning> {
  const step = aStepRecorded(1);
  step.step.observed.snapshot = { sha256: sha256Hex("image") as Sha256, bytes: 1 };
  const records = [anEpisodeStarted(), step].map((record) => ({ record, bytes: new Uint8Array() }));
  const bus = {
    trajectories: { read: () => Promise.resolve(records), append: () => Promise.resolve(new Uint8Array()) },
    blobs: {
      put: () => Promise.reject(new Error("nothing is stored here")),
      get: () => (image instanceof Error ? Promise.reject(image) : Promise.resolve(Buffer.from(image))),
    },
  };
  return findBeginning(bus, aRolloutTask(), new ScriptedEnvironment([]), { deliveryCount: 1, signal });
}

const gone = (retryable: boolean): HindcastError =>
  new HindcastError({ code: retryable ? "BUS_TIMEOUT" : "BUS_NOT_FOUND", boundary: "bus", message: "gone", retryable });

describe("findBeginning", () => {
  it("continues where the rebuilt state is the recorded one", async () => {
    expect(await beginningWith("s1")).toMatchObject({ attempt: 2, resumed: { trajectory: { steps: [{ index: 1 }] } } });
  });

  it("starts afresh where the rebuilt state is another", async () => {
    expect(await beginningWith("elsewhere")).toEqual({ attempt: 2, resumed: null });
  });

  it("starts afresh where the image is gone or damaged: the steps are lost then, the task is not", async () => {
    expect(await beginningWith(gone(false))).toEqual({ attempt: 2, resumed: null });
  });

  it("does not throw steps away for an outage that passes", async () => {
    await expect(beginningWith(gone(true))).rejects.toMatchObject({ code: "BUS_TIMEOUT" });
  });
});
