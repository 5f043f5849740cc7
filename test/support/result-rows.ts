// What a proof of several minutes did, line by line: printed as it happens, and as a table for a page.

export interface ResultRow {
  what: string;
  seconds: number;
  outcome: string;
  isGood: boolean;
}

const outcomeCharactersMax = 900;

export class ResultRows {
  readonly rows: ResultRow[] = [];

  get areGood(): boolean {
    return this.rows.every(({ isGood }) => isGood);
  }

  /** A failure is a line too: what comes after it may still be told. */
  async add(what: string, work: () => Promise<string>): Promise<void> {
    const start = performance.now();
    let [outcome, isGood] = ["", true];
    try {
      outcome = await work();
    } catch (error) {
      [outcome, isGood] = [error instanceof Error ? error.message : String(error), false];
    }
    const seconds = (performance.now() - start) / 1000;
    this.rows.push({ what, seconds, outcome: outcome.replaceAll(/\s+/g, " ").slice(0, outcomeCharactersMax), isGood });
    console.log(`${isGood ? "good" : "BAD "} ${seconds.toFixed(0).padStart(4)} s  ${what}: ${outcome}`);
  }

  markdown(): string {
    const lines = this.rows.map(
      ({ what, seconds, outcome, isGood }) =>
        `| ${what} | ${isGood ? "good" : "**bad**"} | ${seconds.toFixed(0)} | ${outcome.replaceAll("|", "\\|")} |`,
    );
    return `| what | | seconds | outcome |\n|---|---|---|---|\n${lines.join("\n")}\n`;
  }
}
