// Requirements: 3.5.isolation
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeFrame, type Frame, FrameDecoder, headerBytesMax } from "./frame.ts";

describe("frames", () => {
  it("arrive whole and in order however the stream is cut", () => {
    const bytes = fc.uint8Array({ maxLength: 50 });
    const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(fc.tuple(bytes, bytes), { maxLength: 5 }), cuts, (frames, sizes) => {
        const stream = Buffer.concat(frames.map(([header, payload]) => encodeFrame(header, payload)));
        const decoder = new FrameDecoder();
        const received: Frame[] = [];
        for (let at = 0, turn = 0; at < stream.byteLength; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          received.push(...decoder.push(stream.subarray(at, at + size)));
          at += size;
        }
        expect(received.map(({ header, payload }) => [[...header], [...payload]])).toEqual(
          frames.map(([header, payload]) => [[...header], [...payload]]),
        );
      }),
    );
  });

  it("are refused as soon as they announce more than a guest may send", () => {
    const prefix = Buffer.alloc(8);
    prefix.writeUInt32BE(headerBytesMax + 1, 0);
    expect(() => new FrameDecoder().push(prefix)).toThrow(/exceeds/);
  });
});
