// An alert with its runbook entry and its proof: what fires it, what does not. Rule files, the runbook and promtool's
// tests are all written from these.

/** A series of promtool's test language, e.g. `0+1x20`, at one sample a minute. */
export interface Series {
  series: string;
  values: string;
}

export interface Alert {
  name: string;
  /** What is watched. It has data in every healthy cluster that has done something. */
  value: string;
  /** What of it is wrong, e.g. `> 0.8`. */
  condition: string;
  /** For how long, in minutes. */
  forMinutes: number;
  severity: "page" | "ticket";
  /** One line; `{{ $value }}` and labels may stand in it. */
  summary: string;
  /** The runbook's three parts. */
  means: string;
  lookAt: string;
  act: string;
  /** Series under which it fires at `atMinutes`, and others under which it does not. */
  fires: readonly Series[];
  staysQuiet: readonly Series[];
  atMinutes: number;
}

export function expressionOf({ value, condition }: Pick<Alert, "value" | "condition">): string {
  return `(${value}) ${condition}`;
}

/** One series that fires and one that does not, for alerts that look at one metric. */
export function gaugeCase(series: string, bad: string, good: string): Pick<Alert, "fires" | "staysQuiet"> {
  return { fires: [{ series, values: `${bad}x90` }], staysQuiet: [{ series, values: `${good}x90` }] };
}

/** A counter of bad things against one of good things: half of all are bad, or none is. */
export function shareCase(bad: string, good: string): Pick<Alert, "fires" | "staysQuiet"> {
  return {
    fires: [
      { series: bad, values: "0+5x90" },
      { series: good, values: "0+5x90" },
    ],
    staysQuiet: [
      { series: bad, values: "0+0x90" },
      { series: good, values: "0+5x90" },
    ],
  };
}
