// Benchmarks of sites ask for a last line of JSON. Its form is no part of what is to be done.
import { withoutResponseForm } from "../../../benchmark/webarena/verified-task.ts";

/**
 * The line that an objective asks for, as far as rules can tell: what a page says is not found by them. Null where none is
 * asked for.
 * @param isDone all steps that were to be followed were taken
 */
export function answerLine(objective: string, isDone: boolean): string | null {
  const wish = withoutResponseForm(objective);
  if (wish === objective) return null;
  const isQuestion = wish.endsWith("?") || /^(?:what|which|who|whom|how|when|where|give|list)\b/i.test(wish);
  const isOpening = /^(?:open|show|go to|visit)\b/i.test(wish);
  const isClaimed = isDone && !isQuestion;
  return JSON.stringify({
    task_type: isQuestion ? "RETRIEVE" : isOpening ? "NAVIGATE" : "MUTATE",
    status: isClaimed ? "SUCCESS" : "UNKNOWN_ERROR",
    retrieved_data: null,
    error_details: isClaimed ? null : "Nothing suggests what to do.",
  });
}
