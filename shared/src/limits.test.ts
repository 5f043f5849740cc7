// Caps that lean on each other: who changes one of them sees here what else it holds up.
// Requirements: 5.9.garbage
import { describe, expect, it } from "vitest";
import { limits } from "./limits.ts";

describe("limits", () => {
  it("let no closed lease outlive the blobs that its result names", () => {
    // When the lease is closed a blob that the result names is at most `blobRenewMs` old, when the result is stored at most
    // as much older as the lease lives. A collection that reads RESULTS before and LEASES after that sees it in neither.
    expect(limits.blobRenewMs + limits.closedLeaseTtlMs).toBeLessThanOrEqual(limits.blobGarbageAgeMsMin);
  });

  it("let no part of a snapshot be removed that somebody was told is there", () => {
    expect(limits.snapshotOrphanMs).toBeGreaterThanOrEqual(2 * limits.blobRenewMs);
  });

  it("let a lease run out before its task is delivered again, and be renewed three times before that", () => {
    expect(limits.leaseTtlMs).toBeLessThan(limits.ackWaitMs);
    expect(limits.coordinatorLeaseTtlMs).toBeLessThan(limits.stageAckWaitMs);
    expect(3 * limits.leaseRenewMs).toBeLessThan(limits.leaseTtlMs);
  });
});
