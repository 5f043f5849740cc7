// Character references in a page's text: numeric ones and the names of HTML 4, which are all that browsers and servers
// write when they serialise a page.

const latin1 =
  "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml".split(
    " ",
  );

const names = new Map<string, string>([
  ...latin1.map((name, index) => [name, String.fromCodePoint(0xa0 + index)] as const),
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
  ["OElig", "Œ"],
  ["oelig", "œ"],
  ["Scaron", "Š"],
  ["scaron", "š"],
  ["Yuml", "Ÿ"],
  ["fnof", "ƒ"],
  ["circ", "ˆ"],
  ["tilde", "˜"],
  ["ensp", "\u2002"],
  ["emsp", "\u2003"],
  ["thinsp", "\u2009"],
  ["zwnj", "\u200c"],
  ["zwj", "\u200d"],
  ["lrm", "\u200e"],
  ["rlm", "\u200f"],
  ["ndash", "–"],
  ["mdash", "—"],
  ["lsquo", "‘"],
  ["rsquo", "’"],
  ["sbquo", "‚"],
  ["ldquo", "“"],
  ["rdquo", "”"],
  ["bdquo", "„"],
  ["dagger", "†"],
  ["Dagger", "‡"],
  ["bull", "•"],
  ["hellip", "…"],
  ["permil", "‰"],
  ["prime", "′"],
  ["Prime", "″"],
  ["lsaquo", "‹"],
  ["rsaquo", "›"],
  ["euro", "€"],
  ["trade", "™"],
  ["larr", "←"],
  ["uarr", "↑"],
  ["rarr", "→"],
  ["darr", "↓"],
  ["harr", "↔"],
  ["minus", "−"],
  ["infin", "∞"],
  ["ne", "≠"],
  ["le", "≤"],
  ["ge", "≥"],
]);

/** These may lack their semicolon, as in old pages; of the others `&lang=en` in a link would be one. */
const bare = new Set([...latin1, "amp", "lt", "gt", "quot"]);

/** Windows-1252 in the numbers 0x80 to 0x9f, where it has a character. */
const windows = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";

export function unescapeHtml(text: string): string {
  return text.replace(/&(?:#(\d{1,8}|[xX][0-9A-Fa-f]{1,8});?|([A-Za-z][A-Za-z0-9]{1,31})(;?))/g, (whole, ...groups) => {
    const [number, name, semicolon] = groups as [string | undefined, string | undefined, string | undefined];
    if (number !== undefined) return numbered(/^x/i.test(number) ? Number(`0${number}`) : Number(number));
    if (name === undefined) return whole;
    const named = names.get(name);
    if (named !== undefined && (semicolon === ";" || bare.has(name))) return named;
    return longestBare(name, semicolon ?? "") ?? whole;
  });
}

function numbered(code: number): string {
  if (code >= 0x80 && code <= 0x9f) return windows[code - 0x80] ?? "";
  const isCharacter = code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return isCharacter ? String.fromCodePoint(code) : "\ufffd";
}

/** `&copyright` is `©right`. */
function longestBare(name: string, semicolon: string): string | null {
  for (let length = name.length - 1; length >= 2; length -= 1) {
    const start = name.slice(0, length);
    if (bare.has(start)) return `${names.get(start) ?? ""}${name.slice(length)}${semicolon}`;
  }
  return null;
}
