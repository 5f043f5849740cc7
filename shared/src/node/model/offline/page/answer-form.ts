// Benchmarks of sites ask for a last line of JSON. Its form is no part of what is to be done: it is as long as the wish and
// the same in all of them, so that every wish would look like every other.
const form = /\n\nWhen you are done, stop with one line of JSON: \{"task_type"[\s\S]*$/;

/** What is to be done, without how to answer. */
export function withoutAnswerForm(objective: string): string {
  return objective.replace(form, "");
}

/**
 * The line that an objective asks for, as far as rules can tell: what a page says is not found by them. Null where none is
 * asked for.
 * @param isDone all steps that were to be followed were taken
 */
export function answerLine(objective: string, isDone: boolean): string | null {
  if (!form.test(objective)) return null;
  const wish = withoutAnswerForm(objective).trim();
  const isQuestion = wish.endsWith("?") || /^(?:what|which|who|whom|how|when|where|give|list)\b/i.test(wish);
  const isOpening = /^(?:open|show|go to|visit)\b/i.test(wish);
  return JSON.stringify({
    task_type: isQuestion ? "RETRIEVE" : isOpening ? "NAVIGATE" : "MUTATE",
    status: isDone && !isQuestion ? "SUCCESS" : "UNKNOWN_ERROR",
    retrieved_data: null,
    error_details: isDone && !isQuestion ? null : "Nothing suggests what to do.",
  });
}
