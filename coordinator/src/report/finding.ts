/** One line of what `doctor` and `preflight` say. */
export interface Finding {
  what: string;
  /** `missing` keeps Hindcast from running; `advice` only narrows what it can do. */
  state: "good" | "advice" | "missing";
  /** What was found; where it is not good, also what to do. */
  detail: string;
}
