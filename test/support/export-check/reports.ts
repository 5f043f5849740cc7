import { CampaignReport, EndReason, noUsage, type GainResult } from "@hindcast/shared";

export function aGain(overrides: Partial<GainResult> = {}): GainResult {
  return {
    kind: "instance-disjoint",
    tasks: 21,
    off: { successes: 3, decided: 20, undecided: 1, rate: 0.15, interval: [0.052, 0.36], meanSteps: 11.25 },
    on: { successes: 12, decided: 21, undecided: 0, rate: 12 / 21, interval: [0.365, 0.755], meanSteps: 4.4 },
    difference: 0.45,
    differenceInterval: [0.179, 0.636],
    onlyOn: 10,
    onlyOff: 1,
    ...overrides,
  };
}

/** A report of offline rules in which retrieval helped. */
export function aReport(overrides: Partial<CampaignReport> = {}): CampaignReport {
  const none = Object.fromEntries(EndReason.options.map((reason) => [reason, 0]));
  return CampaignReport.parse({
    v: 1,
    campaignId: "c-1",
    isOffline: true,
    funnel: [
      { name: "documents", total: 120, counts: { read: 96, duplicate: 22, unreadable: 2 } },
      { name: "tasks", total: 288, counts: { accepted: 243, duplicate: 31, "needs network": 14 } },
      { name: "episodes", total: 243, counts: { submitted: 201, "step-limit": 30, loop: 11, infrastructure: 1 } },
      { name: "windows", total: 1_940, counts: { constructed: 812, "no effect": 1_128 } },
      { name: "candidates", total: 812, counts: { accepted: 305, "rejected by offline:rules": 507 } },
      { name: "replay", total: 305, counts: { verified: 290, diverged: 12, "not-replayable": 3 } },
      { name: "demonstrations", total: 305, counts: { indexed: 305 } },
    ],
    outcomes: { ...none, submitted: 201, "step-limit": 30, loop: 11, infrastructure: 1 },
    gain: [
      aGain(),
      aGain({
        kind: "document-disjoint",
        tasks: 18,
        off: { successes: 2, decided: 18, undecided: 0, rate: 2 / 18, interval: [0.031, 0.328], meanSteps: 12 },
        on: { successes: 2, decided: 18, undecided: 0, rate: 2 / 18, interval: [0.031, 0.328], meanSteps: 11.5 },
        difference: 0,
        differenceInterval: [-0.143, 0.143],
        onlyOn: 1,
        onlyOff: 1,
      }),
    ],
    costs: [
      { purpose: "self-instruct", model: "offline:rules", calls: 96, journaled: 0, usage: noUsage, costUsd: 0 },
      { purpose: "act", model: "offline:rules", calls: 2_345, journaled: 12, usage: noUsage, costUsd: 0 },
    ],
    durationMs: 184_000,
    steps: 2_345,
    stepsPerSecond: 12.745,
    indexed: 305,
    warnings: [],
    ...overrides,
  });
}
