import type { Peers } from "../peers/peers.ts";

/** What every suite is given. */
export interface Context {
  /** A smoke test: tiny sizes, nothing installed, nothing written into the repository. */
  isQuick: boolean;
  rounds: number;
  kills: number;
  /** Searches that the suite `churn` checks. */
  checked: number;
  /** Builds the peers' indexes again instead of taking those of an earlier run. */
  rebuild: boolean;
  peers: Peers;
  log: (text: string) => void;
}

/** A suite measures, and says how its result is shown. `Result` is what its JSON file holds. */
export interface Suite<Result> {
  name: string;
  run(context: Context): Promise<Result>;
  /** Markdown between the suite's markers in the README. */
  table(result: Result): string;
  /** SVG by file name; none where there is nothing to draw. */
  plots(result: Result): Record<string, string>;
}
