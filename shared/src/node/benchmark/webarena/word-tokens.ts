// Splits a text into words as NLTK's `word_tokenize` does, which WebArena uses so that the answer "10" does not hold "1".
// Sentences are split first, because only a sentence's last full stop is a token of its own.

const startingQuotes: Rule[] = [
  [/([«“‘„]|`+)/g, " $1 "],
  [/^"/g, "``"],
  [/(``)/g, " $1 "],
  [/([ ([{<])("|'{2})/g, "$1 `` "],
  [/(')(?!re|ve|ll|m|t|s|d|n)(\w)\b/gi, "$1 $2"],
];

const punctuation: Rule[] = [
  [/([^.])(\.)([\])}>"'»”’ ]*)\s*$/g, "$1 $2 $3 "],
  [/([:,])([^\d])/g, " $1 $2"],
  [/([:,])$/g, " $1 "],
  [/\.{2,}/g, " $& "],
  [/[;@#$%&]/g, " $& "],
  [/([^.])(\.)([\])}>"']*)\s*$/g, "$1 $2$3 "],
  [/[?!]/g, " $& "],
  [/([^'])' /g, "$1 ' "],
  [/[*]/g, " $& "],
  [/[\][(){}<>]/g, " $& "],
  [/--/g, " -- "],
];

const endingQuotes: Rule[] = [
  [/([»”’])/g, " $1 "],
  [/''/g, " '' "],
  [/"/g, " '' "],
  [/\s+/g, " "],
  [/([^' ])('[sS]|'[mM]|'[dD]|') /g, "$1 $2 "],
  [/([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) /g, "$1 $2 "],
];

const contractions: Rule[] = [
  [/\b(can)(not)\b/gi, " $1 $2 "],
  [/\b(d)('ye)\b/gi, " $1 $2 "],
  [/\b(gim)(me)\b/gi, " $1 $2 "],
  [/\b(gon)(na)\b/gi, " $1 $2 "],
  [/\b(got)(ta)\b/gi, " $1 $2 "],
  [/\b(lem)(me)\b/gi, " $1 $2 "],
  [/\b(more)('n)\b/gi, " $1 $2 "],
  [/\b(wan)(na)(?=\s)/gi, " $1 $2 "],
  [/ ('t)(is)\b/gi, " $1 $2 "],
  [/ ('t)(was)\b/gi, " $1 $2 "],
];

type Rule = readonly [RegExp, string];

export function wordTokens(text: string): string[] {
  return sentencesOf(text.replace(/\s+/g, " ")).flatMap((sentence) => {
    const opened = [...startingQuotes, ...punctuation].reduce(apply, sentence);
    return [...endingQuotes, ...contractions]
      .reduce(apply, ` ${opened} `)
      .split(/\s+/)
      .filter((token) => token !== "");
  });
}

function apply(text: string, [pattern, replacement]: Rule): string {
  return text.replace(pattern, replacement);
}

/** Words whose full stop ends no sentence. */
const abbreviations = new Set(
  "dr mr mrs ms st vs co corp inc ltd jr sr prof gen rep sen gov e.g i.e u.s u.k u.n a.m p.m jan feb mar apr aug sept oct nov dec no".split(
    " ",
  ),
);

/** A full stop after a number, an initial or an abbreviation ends a sentence only at the end of the text. */
function sentencesOf(text: string): string[] {
  const sentences: string[] = [];
  let from = 0;
  for (const { index, 0: mark } of text.matchAll(/[.?!]['"\])}»”]*(?=\s)/g)) {
    const word = text.slice(Math.max(from, text.lastIndexOf(" ", index) + 1), index).toLowerCase();
    const isStop = mark.startsWith(".");
    const isOpen = isStop && (/^[-+]?[\d.,]+$|^[a-z]$|\.$/.test(word) || abbreviations.has(word));
    if (isOpen) continue;
    sentences.push(text.slice(from, index + mark.length));
    from = index + mark.length;
  }
  sentences.push(text.slice(from));
  return sentences.map((sentence) => sentence.trim()).filter((sentence) => sentence !== "");
}
