// Calls in Python's syntax with literal arguments only, `click("a51", button="right")`: what BrowserGym's actions are
// written in. Nothing is evaluated; what is no literal is refused with its place.

export type Literal = string | number | boolean | null | Literal[] | { [key: string]: Literal };

export interface PythonCall {
  name: string;
  positional: Literal[];
  named: Map<string, Literal>;
}

/** Nesting of lists and dictionaries. */
const depthMax = 20;

const escapes: Record<string, string> = {
  "\n": "",
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

export class PythonSyntaxError extends Error {}

/** Every call of `text` in order; comments and blanks between them are passed over. @throws PythonSyntaxError */
export function parseCalls(text: string): PythonCall[] {
  const reader = new Reader(text);
  const calls: PythonCall[] = [];
  for (reader.skipBlanks(); !reader.isAtEnd; reader.skipBlanks()) {
    if (!reader.take(";")) calls.push(reader.call());
  }
  return calls;
}

/** The canonical text of a literal; text is written so that Python and JSON read it alike. */
export function literalText(value: Literal): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literalText).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value)
      .map(([key, item]) => `${JSON.stringify(key)}: ${literalText(item)}`)
      .join(", ")}}`;
  }
  return JSON.stringify(value);
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  skipBlanks(): void {
    this.#match(/(?:[\s\\]|#[^\n]*)*/y);
  }

  take(token: string): boolean {
    this.skipBlanks();
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  call(): PythonCall {
    const name = this.#match(/[A-Za-z_]\w*/y);
    if (name === "") throw this.#error("a call such as click('12') was expected");
    if (!this.take("(")) throw this.#error(`"(" was expected after ${name}`);
    const call: PythonCall = { name, positional: [], named: new Map() };
    this.#items(")", () => this.#argument(call));
    return call;
  }

  #argument({ positional, named }: PythonCall): void {
    const key = /^[A-Za-z_]\w*(?=\s*=(?!=))/.exec(this.#text.slice(this.#at, this.#at + 100))?.[0];
    if (key === undefined) {
      if (named.size > 0) throw this.#error("a positional argument follows a named one");
      positional.push(this.#literal(0));
      return;
    }
    this.#at += key.length;
    this.take("=");
    if (named.has(key)) throw this.#error(`the argument ${key} is given twice`);
    named.set(key, this.#literal(0));
  }

  /** Items with commas between them, a trailing one allowed, up to `end`. */
  #items(end: string, item: () => void): void {
    while (!this.take(end)) {
      item();
      if (this.take(",")) continue;
      if (!this.take(end)) throw this.#error(`"," or "${end}" was expected`);
      return;
    }
  }

  #literal(depth: number): Literal {
    this.skipBlanks();
    if (depth > depthMax) throw this.#error("the literal is nested too deeply");
    if (this.take("[")) return this.#list("]", depth);
    if (this.take("(")) return this.#list(")", depth);
    if (this.take("{")) return this.#dictionary(depth);
    const quote = this.#match(/'''|"""|'|"/y);
    if (quote !== "") return this.#string(quote);
    const number = this.#match(/[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?!\w)/y);
    if (number !== "") return this.#number(number);
    const word = this.#match(/[A-Za-z_]\w*/y);
    if (word === "True" || word === "False") return word === "True";
    if (word === "None") return null;
    this.#at -= word.length;
    throw this.#error(word === "" ? "a literal was expected" : `${word} is no literal (text needs quotation marks)`);
  }

  #list(end: string, depth: number): Literal[] {
    const items: Literal[] = [];
    this.#items(end, () => items.push(this.#literal(depth + 1)));
    return items;
  }

  #dictionary(depth: number): Literal {
    const entries: [string, Literal][] = [];
    this.#items("}", () => {
      const key = this.#literal(depth + 1);
      if (typeof key !== "string") throw this.#error("a key is no text");
      if (!this.take(":")) throw this.#error('":" was expected');
      entries.push([key, this.#literal(depth + 1)]);
    });
    return Object.fromEntries(entries);
  }

  #number(text: string): number {
    const value = Number(text);
    if (!Number.isFinite(value)) throw this.#error(`${text} is too large`);
    return value;
  }

  #string(quote: string): string {
    let text = "";
    while (true) {
      if (this.#text.startsWith(quote, this.#at)) {
        this.#at += quote.length;
        return text;
      }
      const char = this.#text[this.#at];
      if (char === undefined || (char === "\n" && quote.length === 1)) throw this.#error("a text is not closed");
      this.#at += 1;
      text += char === "\\" ? this.#escape() : char;
    }
  }

  #escape(): string {
    const code = this.#match(/x[\dA-Fa-f]{2}|u[\dA-Fa-f]{4}|U[\dA-Fa-f]{8}/y);
    if (code !== "") {
      const point = Number.parseInt(code.slice(1), 16);
      if (point > 0x10_ff_ff) throw this.#error("an escape names no character");
      return String.fromCodePoint(point);
    }
    const octal = this.#match(/[0-7]{1,3}/y);
    if (octal !== "") return String.fromCodePoint(Number.parseInt(octal, 8));
    const char = this.#text[this.#at];
    if (char === undefined) throw this.#error("a text is not closed");
    this.#at += 1;
    // As Python has it: a backslash before any other character stands for itself.
    return Object.hasOwn(escapes, char) ? (escapes[char] ?? "") : `\\${char}`;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #error(what: string): PythonSyntaxError {
    return new PythonSyntaxError(`${what}, at character ${this.#at + 1}`);
  }
}
