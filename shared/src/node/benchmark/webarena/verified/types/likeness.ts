// How alike two names are, 0 to 100, as the fuzzy matching library of the published evaluator says: words in order,
// then twice the longest common subsequence over both lengths.

/** Longer than any name; beyond it, names are alike only when they are equal. */
const charactersMax = 2_000;

export function likeness(a: string, b: string): number {
  const [one, two] = [sortedWords(a), sortedWords(b)];
  if (one.length === 0 || two.length === 0) return 0;
  if (one.length > charactersMax || two.length > charactersMax) return one === two ? 100 : 0;
  return Math.round((200 * commonLength(Array.from(one), Array.from(two))) / (one.length + two.length));
}

function sortedWords(text: string): string {
  const words = text
    .replace(/[^\p{L}\p{N}_]/gu, " ")
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  return words.toSorted().join(" ");
}

function commonLength(a: readonly string[], b: readonly string[]): number {
  let previous = new Uint16Array(b.length + 1);
  for (const character of a) {
    const row = new Uint16Array(b.length + 1);
    for (const [index, other] of b.entries()) {
      row[index + 1] =
        character === other ? (previous[index] ?? 0) + 1 : Math.max(previous[index + 1] ?? 0, row[index] ?? 0);
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
