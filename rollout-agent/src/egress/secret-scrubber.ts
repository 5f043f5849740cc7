// A host that echoes what it was sent would tell the sandbox the secret: in its answer the placeholder stands again.
import { Transform } from "node:stream";

export interface Substitution {
  secret: string;
  placeholder: string;
}

export function scrubText(text: string, { secret, placeholder }: Substitution): string {
  return text.replaceAll(secret, placeholder);
}

/** Replaces the secret wherever it stands in a stream, also across chunks. */
export function scrubber({ secret, placeholder }: Substitution): Transform {
  const [wanted, instead] = [Buffer.from(secret), Buffer.from(placeholder)];
  let held = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      let rest = Buffer.concat([held, chunk]);
      for (let at = rest.indexOf(wanted); at !== -1; at = rest.indexOf(wanted)) {
        this.push(rest.subarray(0, at));
        this.push(instead);
        rest = rest.subarray(at + wanted.byteLength);
      }
      const keep = beginningAtEnd(rest, wanted);
      held = rest.subarray(rest.byteLength - keep);
      done(null, rest.subarray(0, rest.byteLength - keep));
    },
    flush(done) {
      done(null, held);
    },
  });
}

/** How many of the last bytes may be the beginning of `wanted`. */
function beginningAtEnd(bytes: Buffer, wanted: Buffer): number {
  for (let length = Math.min(wanted.byteLength - 1, bytes.byteLength); length > 0; length -= 1) {
    if (wanted.subarray(0, length).equals(bytes.subarray(bytes.byteLength - length))) return length;
  }
  return 0;
}
