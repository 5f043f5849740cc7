// Requirements: 6.3.container
import fc from "fast-check";
import { expect, it } from "vitest";
import { StandardStreams } from "./standard-streams.ts";

function framed(stream: number, content: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(stream, 0);
  header.writeUInt32BE(content.byteLength, 4);
  return Buffer.concat([header, content]);
}

it("takes both streams apart however the connection cuts them", async () => {
  const piece = fc.tuple(fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 40 }));
  const cuts = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 8 }), cuts, async (pieces, sizes) => {
      const errors: Uint8Array[] = [];
      const streams = new StandardStreams((chunk) => errors.push(chunk));
      const bytes = Buffer.concat(pieces.map(([stream, content]) => framed(stream, content)));
      for (let at = 0, turn = 0; at < bytes.byteLength; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1;
        streams.write(bytes.subarray(at, at + size));
        at += size;
      }
      streams.end();
      const printed = Buffer.concat(await streams.toArray());
      const expected = (stream: number): Buffer =>
        Buffer.concat(pieces.filter(([each]) => each === stream).map(([, content]) => content));
      expect(printed).toEqual(expected(1));
      expect(Buffer.concat(errors)).toEqual(expected(2));
    }),
    { numRuns: 50 },
  );
});
