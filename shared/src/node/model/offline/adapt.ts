// Carries a demonstration over to another objective: aligns the names and values of the two instructions and exchanges
// them in the demonstration's actions. It knows no commands; a demonstration's actions are text to it.
import { atoms, literals, masked, replaceAllNames, type Literal } from "./literals.ts";
import { mapWords } from "./shell-words.ts";
import { contentWords, likeness } from "./text.ts";

interface AdaptedPlan {
  commands: string[];
  /** How well it fits the objective, about 0 to 1. */
  score: number;
}

const weights = { likeness: 0.55, coverage: 0.45, leftover: 0.25 };
/** A pairing of two values needs more than the same order. */
const pairScoreMin = 1;

export function adapt(
  demonstration: { instruction: string; actions: readonly string[] },
  objective: string,
  weight: (word: string) => number,
): AdaptedPlan {
  const { names, leftovers, coverage } = align(demonstration, objective);
  const commands = demonstration.actions.map((action) => substitute(action, names));
  const told = `${masked(demonstration.instruction)} ${masked(demonstration.actions.join(" "))}`;
  const alike = Math.max(
    likeness(masked(objective), masked(demonstration.instruction), weight),
    likeness(masked(objective), told, weight),
  );
  return { commands, score: weights.likeness * alike + weights.coverage * coverage - weights.leftover * leftovers };
}

/** Exchanges names in a command, word by word, so that quoting stays right; heredocs are plain text. */
export function substitute(command: string, names: ReadonlyMap<string, string>): string {
  if (command.includes("<<")) return replaceAllNames(command, names);
  return command
    .split("\n")
    .map((line) => mapWords(line, (text) => replaceAllNames(text, names)))
    .join("\n");
}

interface Alignment {
  names: Map<string, string>;
  /** Values of the demonstration that its actions use and the objective has no counterpart for. */
  leftovers: number;
  /** Share of the objective's values that the adapted actions contain. */
  coverage: number;
}

function align(demonstration: { instruction: string; actions: readonly string[] }, objective: string): Alignment {
  const actionText = demonstration.actions.join("\n");
  const named = distinct(literals(demonstration.instruction));
  const theirs = named.filter(({ value }) => isUsed(value, actionText));
  const ours = distinct(literals(objective));
  const ourValues = new Set(ours.map(({ value }) => value));
  // What both instructions name is the same thing, whether the actions mention it or not.
  const theirValues = new Set(named.map(({ value }) => value));
  const open = theirs.filter(({ value }) => !ourValues.has(value)).map((literal) => reduced(literal, objective));
  const free = ours.filter(({ value }) => !theirValues.has(value) && !actionText.includes(value));
  const names = pair(open, free, { theirs, ours });
  const commands = demonstration.actions.map((action) => substitute(action, names)).join("\n");
  const covered = ours.filter(
    ({ value }) => commands.includes(value) || atoms(value).every((atom) => commands.includes(atom)),
  );
  const fixed = new Set(contentWords(objective));
  const leftovers = open.filter(
    ({ value, whole }) => !names.has(value) && !names.has(whole ?? value) && !fixed.has(value.toLowerCase()),
  ).length;
  return { names, leftovers, coverage: ours.length === 0 ? 0.5 : covered.length / ours.length };
}

/** A value to find a counterpart for; `whole` when `value` is only a part of it. */
type Open = Literal & { whole?: string };

function distinct(found: readonly Literal[]): Literal[] {
  return found.filter((literal, index) => found.findIndex((other) => other.value === literal.value) === index);
}

function isUsed(value: string, actionText: string): boolean {
  return actionText.includes(value) || value.split(/\s+/).every((part) => actionText.includes(part));
}

/** `bin.first` under an objective that says "bin" itself: only `first` is a name to exchange. */
function reduced(literal: Literal, objective: string): Open {
  const parts = atoms(literal.value);
  if (parts.length < 2 || /^(?:version|url|file)$/.test(literal.kind)) return literal;
  const words = new Set(objective.toLowerCase().match(/[a-z][\w-]*/g) ?? []);
  const open = parts.filter((part) => !words.has(part.toLowerCase()));
  return open.length === 1 && open[0] !== undefined && open.length < parts.length
    ? { ...literal, value: open[0], kind: "name", whole: literal.value }
    : literal;
}

/** Pairs values greedily by how alike their kinds, neighbours and places are. */
function pair(
  open: readonly Open[],
  free: readonly Literal[],
  all: { theirs: readonly Literal[]; ours: readonly Literal[] },
): Map<string, string> {
  const candidates = open
    .flatMap((their, row) =>
      free.map((our, column) => ({
        their,
        our,
        score: pairScore(their, our, all) + (row === column ? 0.6 : 0) - 0.05 * Math.abs(row - column),
      })),
    )
    .filter(({ score }) => score >= pairScoreMin)
    .toSorted((a, b) => b.score - a.score);
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const { their, our } of candidates) {
    if (names.has(their.value) || names.has(their.whole ?? "") || taken.has(our.value)) continue;
    // A counterpart of several parts replaces the whole value: `topic/first` by `topic/second`, not by `topic/topic/second`.
    const isWhole = their.whole !== undefined && atoms(our.value).length > 1;
    names.set(isWhole ? (their.whole ?? their.value) : their.value, our.value);
    taken.add(our.value);
  }
  return names;
}

const compatible: Record<Literal["kind"], readonly Literal["kind"][]> = {
  file: ["path", "name"],
  path: ["file", "name"],
  name: ["text", "file", "path", "number", "version"],
  text: ["name", "number"],
  version: ["number", "name"],
  number: ["version", "name", "text"],
  url: ["path"],
  email: ["name"],
};

function pairScore(
  their: Literal,
  our: Literal,
  all: { theirs: readonly Literal[]; ours: readonly Literal[] },
): number {
  const kind = their.kind === our.kind ? 1.2 : compatible[their.kind].includes(our.kind) ? 0.2 : -2;
  const [last, other] = [their.before.at(-1), our.before.at(-1)];
  const neighbour = last !== undefined && last === other ? 0.6 : 0;
  const second = their.before.filter((word) => our.before.includes(word)).length * 0.2;
  const previous = previousValue(their, all.theirs);
  const afterSame = previous !== null && previous === previousValue(our, all.ours) ? 1.5 : 0;
  const shared = atoms(their.value).some((atom) => atoms(our.value).includes(atom)) ? 0.6 : 0;
  return kind + neighbour + second + afterSame + shared + (their.after !== "" && their.after === our.after ? 0.3 : 0);
}

/** The literal just before, where only a word or two lies between: `` `key` to `value` ``. */
function previousValue(literal: Literal, all: readonly Literal[]): string | null {
  const before = all.filter((other) => other.end <= literal.start).at(-1);
  return before !== undefined && literal.start - before.end <= 12 ? before.value : null;
}
