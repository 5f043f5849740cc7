// Words of English and likeness of texts: what the offline models use in place of understanding.

const stopWords = new Set(
  (
    "a an the this that these those it its is are was were be been being of in on at by for from with without into as and or but not no " +
    "to you your we our i my me can could would will shall should may might must do does did done have has had so then than there here " +
    "if when while which who what how all any each every some such only also just please using use used want need needs like same one " +
    "working directory current present following task tool help project managed like sure make makes now they them their his her about after before"
  ).split(" "),
);

/** Groups of English words that ask for the same thing. */
const synonymGroups = [
  "set assign define change put give",
  "delete remove drop erase unset clear",
  "create make add new generate build start",
  "list show print display get retrieve query read view what which",
  "rename move",
  "switch go checkout",
  "save record store keep",
  "field property key entry setting",
  "undo revert",
  "message text",
  "folder directory",
];
const representative = new Map(
  synonymGroups.flatMap((line) => {
    const words = line.split(" ");
    return words.map((word): [string, string] => [stem(word), stem(words[0] ?? word)]);
  }),
);

/** A crude stem: plural, -ing, -ed and a final e are removed, so that `creating`, `creates` and `create` meet. */
export function stem(word: string): string {
  let stemmed = word.toLowerCase();
  if (stemmed.length > 5 && stemmed.endsWith("ing")) stemmed = stemmed.slice(0, -3);
  else if (stemmed.length > 4 && stemmed.endsWith("ies")) stemmed = `${stemmed.slice(0, -3)}y`;
  else if (stemmed.length > 4 && stemmed.endsWith("ed")) stemmed = stemmed.slice(0, -2);
  else if (stemmed.length > 4 && /(?:s|x|z|ch|sh)es$/.test(stemmed)) stemmed = stemmed.slice(0, -2);
  else if (stemmed.length > 3 && /[^su]s$/.test(stemmed)) stemmed = stemmed.slice(0, -1);
  if (stemmed.length > 3 && /([bdgmnprt])\1$/.test(stemmed)) stemmed = stemmed.slice(0, -1);
  return stemmed.length > 3 && stemmed.endsWith("e") ? stemmed.slice(0, -1) : stemmed;
}

export function isStopWord(word: string): boolean {
  return stopWords.has(word.toLowerCase());
}

/** Content words of a text: stems without stop words, synonyms folded together. */
export function contentWords(text: string): string[] {
  return (text.toLowerCase().match(/[a-z][a-z0-9]+|\d+/g) ?? [])
    .filter((word) => !stopWords.has(word))
    .map((word) => representative.get(stem(word)) ?? stem(word));
}

/** Rarity of words over a set of texts: a word in every text says little. */
export function wordWeights(texts: readonly string[]): (word: string) => number {
  const counts = new Map<string, number>();
  for (const text of texts)
    for (const word of new Set(contentWords(text))) counts.set(word, (counts.get(word) ?? 0) + 1);
  return (word) => Math.log(1 + (texts.length + 1) / ((counts.get(word) ?? 0) + 0.5));
}

/** Weighted overlap of two texts' content words: 0 (nothing shared) to 1 (the same words). */
export function likeness(a: string, b: string, weight: (word: string) => number = () => 1): number {
  const wordsA = new Set(contentWords(a));
  const wordsB = new Set(contentWords(b));
  const sum = (words: Iterable<string>): number => [...words].reduce((total, word) => total + weight(word), 0);
  const total = sum(wordsA) + sum(wordsB);
  return total === 0 ? 0 : (2 * sum([...wordsA].filter((word) => wordsB.has(word)))) / total;
}

/** `a`, `a and b`, `a, b and c`. */
export function englishList(items: readonly string[]): string {
  return items.length < 2 ? (items[0] ?? "") : `${items.slice(0, -1).join(", ")} and ${items.at(-1) ?? ""}`;
}

export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A value as instructions show it: in backticks, with a longer run of them where it contains some; quotes for spaces. */
export function quoted(value: string): string {
  if (value.includes("`")) return `"${value}"`;
  return `\`${value}\``;
}

/** The first sentence of a text, without its full stop. */
export function firstSentence(text: string): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return (/^(.*?[^.\d][.])(?=\s+[A-Z(`"]|$)/.exec(flat)?.[1] ?? flat).replace(/\.$/, "");
}
