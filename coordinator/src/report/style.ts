import picocolors from "picocolors";

/** What the place of output can show. */
export interface Style {
  /** Columns of a line; no line of any rendering is wider. */
  width: number;
  /** @default false */
  color?: boolean;
  /** Bars and rules in Unicode; false where the locale is not UTF-8. @default true */
  unicode?: boolean;
}

interface Glyphs {
  ellipsis: string;
  rule: string;
  dash: string;
  dot: string;
  point: string;
  whiskerLeft: string;
  whiskerRight: string;
  /** Fillings of one cell from the least to the full. */
  fill: readonly string[];
  track: string;
}

const unicodeGlyphs: Glyphs = {
  ellipsis: "…",
  rule: "─",
  dash: "—",
  dot: "·",
  point: "●",
  whiskerLeft: "├",
  whiskerRight: "┤",
  fill: ["▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
  track: "░",
};
const asciiGlyphs: Glyphs = {
  ellipsis: "...",
  rule: "-",
  dash: "-",
  dot: "|",
  point: "o",
  whiskerLeft: "|",
  whiskerRight: "|",
  fill: ["#"],
  track: ".",
};

/** Lines narrower than this cannot hold a table; the terminal wraps then. */
const widthMin = 20;

/** A style made ready: its glyphs and its colours (which do nothing without `color`). */
export interface Pen {
  width: number;
  glyphs: Glyphs;
  paint: ReturnType<typeof picocolors.createColors>;
}

export function penFor({ width, color = false, unicode = true }: Style): Pen {
  return {
    width: Math.max(widthMin, Math.floor(width)),
    glyphs: unicode ? unicodeGlyphs : asciiGlyphs,
    paint: picocolors.createColors(color),
  };
}

export interface OutputFacts {
  isTty: boolean;
  /** Undefined where the output is not a terminal. */
  columns: number | undefined;
  env: Readonly<Record<string, string | undefined>>;
}

/** Where output is not a terminal, or does not say how wide it is. */
const widthDefault = 100;
/** Longer lines are hard to read, however wide the terminal is. */
const widthMax = 140;

/**
 * What an output can show, from what is known of it: colour only on a terminal and never under `NO_COLOR` or
 * `TERM=dumb`, Unicode only in a UTF-8 locale, a live line (`isLive`) only on a terminal that nobody records (`CI`).
 */
export function styleOf({ isTty, columns, env }: OutputFacts): Required<Style> & { isLive: boolean } {
  const isDumb = env["TERM"] === "dumb";
  const isSet = (name: string): boolean => (env[name] ?? "") !== "";
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find((value) => (value ?? "") !== "") ?? "";
  return {
    width: isTty && columns !== undefined && columns > 0 ? Math.min(columns, widthMax) : widthDefault,
    color: isTty && !isDumb && !isSet("NO_COLOR"),
    unicode: /utf-?8/i.test(locale),
    isLive: isTty && !isDumb && !isSet("CI"),
  };
}
