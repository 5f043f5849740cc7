// Exit codes are part of the interface: scripts branch on them.
import { HindcastError, type ErrorCode } from "@hindcast/shared";

export const exitCodes = {
  ok: 0,
  failed: 1,
  /** Wrong usage or configuration, a model's name and key among it. */
  usage: 2,
  /** The budget is used up. */
  budget: 3,
  /** Finished, but some episodes were lost to infrastructure. */
  partial: 4,
  interrupted: 130,
} as const;

const usageCodes: readonly ErrorCode[] = [
  "CONFIG_INVALID",
  "CONFIG_UNKNOWN_KEY",
  "MODEL_UNKNOWN",
  "MODEL_UNAUTHORIZED",
  "MODEL_PRICE_UNKNOWN",
  "DOCUMENTS_EMPTY",
  "DOCUMENTS_UNREADABLE",
];
const budgetCodes: readonly ErrorCode[] = ["MODEL_BUDGET_EXHAUSTED", "CAMPAIGN_BUDGET_EXHAUSTED"];

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof HindcastError)) return exitCodes.failed;
  if (usageCodes.includes(error.code)) return exitCodes.usage;
  return budgetCodes.includes(error.code) ? exitCodes.budget : exitCodes.failed;
}
