// How WebArena-Verified makes texts comparable: marks such as ™ go, letters lose their accents, hyphens beside letters
// become spaces, controls go, white space is one space, and case does not count.
import { isPattern } from "./bounded-pattern.ts";

const hyphens = "[\\u002D\\u2010\\u2011\\u2012\\u2013\\u2014\\u2015\\u2212\\u00AD]";
const hyphenAtLetter = new RegExp(`(?<=[a-zA-Z])${hyphens}|${hyphens}(?=[a-zA-Z])`, "g");

/** What has no accent to lose. Letters of other scripts stay as they are: they still compare with themselves. */
const ascii: Readonly<Record<string, string>> = {
  "‘": "'",
  "’": "'",
  "‚": ",",
  "‛": "'",
  "“": '"',
  "”": '"',
  "„": ",,",
  "′": "'",
  "‐": "-",
  "‑": "-",
  "‒": "-",
  "–": "-",
  "—": "--",
  "―": "--",
  "−": "-",
  "⁄": "/",
  "•": "*",
  "·": "*",
  "×": "x",
  "÷": "/",
  "«": "<<",
  "»": ">>",
  "‹": "<",
  "›": ">",
  "¡": "!",
  "¿": "?",
  "°": "deg",
  "€": "EUR",
  "£": "PS",
  "¥": "Y=",
  "¢": "C/",
  "¤": "$?",
  "§": "SS",
  "¶": "P",
  "¦": "|",
  "¬": "!",
  "±": "+-",
  "†": "+",
  "‡": "++",
  "‰": "%0",
  ß: "ss",
  Æ: "AE",
  æ: "ae",
  Œ: "OE",
  œ: "oe",
  Ø: "O",
  ø: "o",
  Ð: "D",
  ð: "d",
  Đ: "D",
  đ: "d",
  Ħ: "H",
  ħ: "h",
  ı: "i",
  ĸ: "k",
  Ł: "L",
  ł: "l",
  Ŋ: "ng",
  ŋ: "NG",
  Þ: "Th",
  þ: "th",
  Ŧ: "T",
  ŧ: "t",
  μ: "m",
};

export function plainText(text: string): string {
  if (text === "" || isPattern(text)) return text;
  const letters = text
    .replace(/[\u2122\u00AE\u2120\u00A9]/g, "")
    .normalize("NFKC")
    .replace(hyphenAtLetter, " ")
    .replace(/[\t\n\r]/g, " ")
    .replace(/\p{C}/gu, "");
  return toAscii(letters).trim().replace(/\s+/g, " ").toLowerCase();
}

function toAscii(text: string): string {
  // oxlint-disable-next-line no-control-regex -- the range of ASCII starts with control characters
  if (/^[\u0000-\u007f]*$/.test(text)) return text;
  return Array.from(text)
    .map((character) => ascii[character] ?? character.normalize("NFD").replace(/\p{M}/gu, ""))
    .map((part) => part.replace(/[^\p{L}\p{N}\p{Z}\u0020-\u007f]/gu, ""))
    .join("");
}
