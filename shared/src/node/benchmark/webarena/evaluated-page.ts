// What an evaluator needs of the browser: four things, so that it can be tried without one.

export interface EvaluatedPage {
  /** Of the page in front, as the address bar has it. */
  url(): string;
  /** The page's serialised source. */
  content(signal: AbortSignal): Promise<string>;
  /** Resolves when the page has loaded and its scripts have settled. */
  goto(url: string, signal: AbortSignal): Promise<void>;
  /** The JSON value of a JavaScript expression in the page; rejects where the expression throws. */
  evaluate(expression: string, signal: AbortSignal): Promise<unknown>;
}
