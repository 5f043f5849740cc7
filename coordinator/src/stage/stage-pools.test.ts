// Requirements: 5.6.stages
import { batchedStagePool, limits, stagePool } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { consumerDefinition } from "../../../shared/src/node/bus/topology.ts";
import { someSettings } from "../../../test/support/campaign-context.ts";
import { stageLeaseTtlMs, stagePoolOf, stagePools } from "./stage-pools.ts";

describe("the pools of stage tasks", () => {
  it.each(stagePools)(
    "keep a task as long as it is worked on: %j",
    ({ pool, workingEveryMs, deliveriesMax, slots }) => {
      const consumer = consumerDefinition(pool);
      const ackWaitMs = Number(consumer.ack_wait) / 1e6;
      expect(3 * (workingEveryMs ?? limits.workingEveryMs)).toBeLessThanOrEqual(ackWaitMs);
      // A task that comes again finds the lease of a coordinator that died gone.
      expect(stageLeaseTtlMs(pool)).toBeLessThan(ackWaitMs);
      expect(deliveriesMax ?? limits.deliveriesMax).toBe(consumer.max_deliver);
      expect(slots).toBeLessThan(consumer.max_ack_pending ?? 0);
    },
  );

  it("are told apart by what the stage asks for and the campaign buys in batches", () => {
    const batched = (...purposes: ("judge" | "self-instruct")[]) =>
      stagePoolOf({ ...someSettings, batch: { purposes, fallback: "error" } }, ["self-instruct"]);
    expect([batched(), batched("judge"), batched("judge", "self-instruct")]).toEqual([
      stagePool,
      stagePool,
      batchedStagePool,
    ]);
  });
});
