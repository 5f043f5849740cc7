// Subject matching as NATS does it, and an index that finds the subjects behind a filter without looking at all of them.

/** The part of each filter before its first wildcard: most subjects are told apart by it alone. */
const heads = new Map<string, string>();

function headOf(filter: string): string {
  const known = heads.get(filter);
  if (known !== undefined) return known;
  const wildcard = filter.search(/(?<=^|\.)[*>]/);
  const head = wildcard === -1 ? filter : filter.slice(0, wildcard);
  if (heads.size < 10_000) heads.set(filter, head);
  return head;
}

export function subjectMatches(filter: string, subject: string): boolean {
  if (filter === subject || filter === ">") return true;
  if (!subject.startsWith(headOf(filter))) return false;
  const wanted = filter.split(".");
  const tokens = subject.split(".");
  for (const [position, token] of wanted.entries()) {
    if (token === ">") return tokens.length > position;
    if (position >= tokens.length || (token !== "*" && token !== tokens[position])) return false;
  }
  return wanted.length === tokens.length;
}

export const isLiteral = (filter: string): boolean => !/(^|\.)[*>]($|\.)/.test(filter);

export class SubjectIndex {
  readonly #subjects = new Map<string, Set<string>>();
  readonly #all = new Set<string>();

  add(subject: string): void {
    this.#all.add(subject);
    for (const key of keysOf(subject)) {
      const known = this.#subjects.get(key);
      if (known === undefined) this.#subjects.set(key, new Set([subject]));
      else known.add(subject);
    }
  }

  delete(subject: string): void {
    this.#all.delete(subject);
    for (const key of keysOf(subject)) {
      const known = this.#subjects.get(key);
      known?.delete(subject);
      if (known?.size === 0) this.#subjects.delete(key);
    }
  }

  /** Matching subjects; null when a filter is so wide that looking through all messages is no slower. */
  matching(filter: string): string[] | null {
    if (isLiteral(filter)) return this.#all.has(filter) ? [filter] : [];
    let fewest: Set<string> = this.#all;
    for (const key of keysOf(filter)) {
      const known = this.#subjects.get(key);
      if (known === undefined) return [];
      if (known.size < fewest.size) fewest = known;
    }
    if (fewest.size > 64 && fewest.size * 2 > this.#all.size) return null;
    return [...fewest].filter((subject) => subjectMatches(filter, subject));
  }
}

/** Its literal tokens, each with its position. */
function keysOf(subject: string): string[] {
  return subject
    .split(".")
    .flatMap((token, position) => (token === "*" || token === ">" ? [] : [`${position} ${token}`]));
}
