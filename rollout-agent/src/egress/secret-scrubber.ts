// A host that echoes what it was sent would tell the sandbox the secret: in its answer the placeholder stands again. Hosts
// echo in the forms that their answers have, so those are looked for too; a host that means to hide it can.
import { Transform } from "node:stream";

interface Substitution {
  secret: string;
  placeholder: string;
}

/** A form that is shorter stands in many answers by chance. */
const formCharsMin = 6;

export class Scrubber {
  readonly #substitution: Substitution;
  /** In lower case, as they are compared. */
  readonly #forms: readonly string[];
  readonly #pattern: RegExp;

  constructor(substitution: Substitution) {
    this.#substitution = substitution;
    const forms = formsOf(substitution.secret);
    this.#forms = forms.map((form) => form.toLowerCase());
    // The longest first: one form may begin as another does.
    const longestFirst = forms.toSorted((a, b) => b.length - a.length);
    this.#pattern = new RegExp(longestFirst.map((form) => RegExp.escape(form)).join("|"), "gi");
  }

  /** The secret in the placeholder's place. */
  putIn(text: string): string {
    // A function, because `$` means something in a replacement.
    return text.replaceAll(this.#substitution.placeholder, () => this.#substitution.secret);
  }

  text(text: string): string {
    return text.replaceAll(this.#pattern, this.#substitution.placeholder);
  }

  /** Replaces the secret wherever it stands in a stream, also across chunks. */
  stream(): Transform {
    let held = "";
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        // One character is one byte, whatever the bytes mean.
        const text = held + chunk.toString("latin1");
        const after = endOfLast(text, this.#pattern);
        const keep = this.#beginningAtEnd(text.slice(after));
        held = text.slice(text.length - keep);
        done(null, Buffer.from(this.text(text.slice(0, text.length - keep)), "latin1"));
      },
      flush: (done) => done(null, Buffer.from(held, "latin1")),
    });
  }

  /** How many of the last characters may be the beginning of a form. */
  #beginningAtEnd(text: string): number {
    const lower = text.slice(-Math.max(...this.#forms.map((form) => form.length))).toLowerCase();
    const longest = (form: string): number => {
      for (let length = Math.min(form.length - 1, lower.length); length > 0; length -= 1) {
        if (lower.endsWith(form.slice(0, length))) return length;
      }
      return 0;
    };
    return Math.max(...this.#forms.map(longest));
  }
}

function endOfLast(text: string, pattern: RegExp): number {
  return text.matchAll(pattern).reduce((_, { index, 0: found }) => index + found.length, 0);
}

/** The secret as it is, and as URLs, JSON, HTML, base64 and hexadecimal numbers have it. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const inJson = JSON.stringify(secret).slice(1, -1);
  const inUrl = encodeURIComponent(secret);
  const inHtml = secret.replaceAll(/[&<>"']/g, (each) => `&${htmlNames[each]};`);
  const derived = [
    inJson,
    inJson.replaceAll("/", String.raw`\/`),
    inUrl,
    inUrl.replaceAll("%20", "+"),
    inHtml,
    bytes.toString("hex"),
    ...[0, 1, 2].flatMap((before) => ["base64", "base64url"].map((kind) => within(bytes, before, kind as "base64"))),
    ...decoded(secret),
  ];
  return [...new Set([secret, ...derived.filter((form) => form.length >= formCharsMin)])];
}

const htmlNames: Record<string, string> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "#39" };

/** What is sure to stand in base64 of a text that holds `bytes` after `before` others, modulo three. */
function within(bytes: Buffer, before: number, kind: "base64" | "base64url"): string {
  const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString(kind);
  return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.byteLength) * 8) / 6));
}

/** `Basic` credentials are base64 of `user:password`, which a host takes apart before it says anything about it. */
function decoded(secret: string): string[] {
  const [, encoded = ""] = /^(?:basic )?([a-z0-9+/]+=*)$/i.exec(secret) ?? [];
  const [, user, password] = /^([ -~]*?):([ -~]+)$/.exec(Buffer.from(encoded, "base64").toString("latin1")) ?? [];
  return user === undefined || password === undefined ? [] : [`${user}:${password}`, password];
}
