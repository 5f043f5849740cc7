import { limits } from "../../../limits.ts";

/** The caps of limits.ts that a test has to shrink. */
export interface BatchTuning {
  requestsMax: number;
  bytesMax: number;
  quietMs: number;
  quietMsMax: number;
  openMax: number;
  pollMs: number;
  pollMsMax: number;
  settleMs: number;
  tendMs: number;
  leaseTtlMs: number;
  triesMax: number;
}

export const batchTuning: Readonly<BatchTuning> = {
  requestsMax: limits.batchRequestsMax,
  bytesMax: limits.batchBytesMax,
  quietMs: limits.batchQuietMs,
  quietMsMax: limits.batchQuietMsMax,
  openMax: limits.batchesOpenMax,
  pollMs: limits.batchPollMs,
  pollMsMax: limits.batchPollMsMax,
  settleMs: limits.batchSettleMs,
  tendMs: limits.batchTendMs,
  leaseTtlMs: limits.leaseTtlMs,
  triesMax: limits.batchTriesMax,
};
