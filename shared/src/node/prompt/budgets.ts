// How much of a thing a prompt shows. All in tokens by `estimateTokens`; what is cut is cut in the middle with a mark.

export const budgets = {
  /** A document chunk; the splitter keeps chunks well below it. */
  document: 8_000,
  /** The observation that the policy acts on: a screenful of help text fits. */
  observation: 6_000,
  /** An observation that lies in the past, in histories and trajectories. */
  pastObservation: 800,
  /** All of the history; when it is exceeded the oldest steps give way, with their number stated. */
  history: 24_000,
  /** A demonstration's observation: what the screen looked like, not every line of it. */
  demonstrationObservation: 300,
  /** A file's text before or after a change. */
  fileText: 1_000,
  /** All changed files of one step. */
  effects: 6_000,
  /** A whole window where a model looks back on it; of a longer one less of each step is shown. */
  window: 100_000,
  /** A start-state file of a learned task. */
  seedFile: 1_500,
} as const;

/** Characters per token that cutting assumes; the estimate counts bytes, so text beyond ASCII is cut a little later. */
const charactersPerToken = 4;

/** Keeps head and tail (two to one) of a text above the budget and says how much is missing between them. */
export function clip(text: string, tokensMax: number): string {
  const charactersMax = tokensMax * charactersPerToken;
  if (text.length <= charactersMax) return text;
  const head = wholeCharacters(text.slice(0, Math.floor((charactersMax * 2) / 3)));
  const tail = wholeCharacters(text.slice(text.length - Math.floor(charactersMax / 3)));
  return `${head}\n[… ${text.length - head.length - tail.length} characters cut …]\n${tail}`;
}

/** A cut may fall inside a surrogate pair; the lone half is dropped. */
function wholeCharacters(text: string): string {
  return text.replace(/^[\uDC00-\uDFFF]/, "").replace(/[\uD800-\uDBFF]$/, "");
}
