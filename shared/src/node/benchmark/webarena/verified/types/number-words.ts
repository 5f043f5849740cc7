// `twenty-three`, `two million three hundred thousand`: numbers as words, other words among them being passed over.

const values = new Map<string, number>([
  ..."zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
    .split(" ")
    .map((word, index): [string, number] => [word, index]),
  ..."twenty thirty forty fifty sixty seventy eighty ninety"
    .split(" ")
    .map((word, index): [string, number] => [word, 20 + 10 * index]),
  ["hundred", 100],
  ["thousand", 1_000],
  ["million", 1_000_000],
  ["billion", 1_000_000_000],
]);

const scales = ["billion", "million", "thousand"] as const;

/** @throws Error where there is no such word, or they make no number */
export function numberOfWords(text: string): number {
  const words = text
    .replaceAll("-", " ")
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => values.has(word) || word === "point");
  if (words.length === 0) throw new Error("it holds no number");
  const [whole = [], decimals, ...more] = splitAt(words, "point");
  if (more.length > 0) throw new Error("a number has one point");
  return wholeOf(whole) + decimalsOf(decimals ?? []);
}

function wholeOf(words: readonly string[]): number {
  if (words.length === 0) return 0;
  if (words.length === 1) return values.get(words[0] ?? "") ?? 0;
  let rest = words;
  let sum = 0;
  let isScaled = false;
  for (const scale of scales) {
    const at = rest.indexOf(scale);
    if (at === -1) continue;
    const before = rest.slice(0, at);
    if (before.length === 0 || before.some((word) => (scales as readonly string[]).includes(word))) {
      throw new Error("the words make no number");
    }
    sum += groupOf(before) * (values.get(scale) ?? 1);
    rest = rest.slice(at + 1);
    isScaled = true;
  }
  if (rest.some((word) => (scales as readonly string[]).includes(word))) throw new Error("the words make no number");
  if (rest.length > 0) return sum + groupOf(rest);
  if (!isScaled) throw new Error("the words make no number");
  return sum;
}

/** Below a thousand: `two hundred forty one`. */
function groupOf(words: readonly string[]): number {
  const [a = 0, b = 0, c = 0, d = 0] = words.map((word) => values.get(word) ?? 0);
  switch (words.length) {
    case 4:
      return a * b + c + d;
    case 3:
      return a * b + c;
    case 2:
      return a === 100 || b === 100 ? a * b : a + b;
    default:
      return a;
  }
}

function decimalsOf(words: readonly string[]): number {
  const digits = words.map((word) => values.get(word) ?? 0);
  if (digits.some((digit) => digit > 9)) throw new Error("decimals are digits");
  return digits.length === 0 ? 0 : Number(`0.${digits.join("")}`);
}

function splitAt(words: readonly string[], mark: string): string[][] {
  const parts: string[][] = [[]];
  for (const word of words) {
    if (word === mark) parts.push([]);
    else parts.at(-1)?.push(word);
  }
  return parts;
}
