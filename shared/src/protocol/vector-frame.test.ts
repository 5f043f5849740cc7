// Requirements: 4.7.binary
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HindcastError } from "../errors.ts";
import { limits } from "../limits.ts";
import { partitionOf } from "./partition.ts";
import {
  decodeVectorAnswer,
  decodeVectorQuestion,
  encodeVectorAnswer,
  encodeVectorQuestion,
  type VectorAnswer,
} from "./vector-frame.ts";

const component = fc.float({ noNaN: true, noDefaultInfinity: true });
const names = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
const strings = fc.array(names, { maxLength: 3 });
const searches = fc.record({
  environment: names.filter((name) => name.length <= 64),
  embedder: names,
  filter: fc.option(fc.constantFrom({ eq: ["kind" as const, "new-task"] as ["kind", string] }, { and: [] })),
  exclude: fc.record({ demonstrations: strings, tasks: strings, documents: strings, episodes: strings }),
  minSequence: fc.option(fc.nat()),
  deadlineMs: fc.integer({ min: 1, max: 60_000 }),
  mode: fc.constantFrom("auto" as const, "exact" as const, "graph" as const),
  ef: fc.option(fc.integer({ min: 1, max: 10_000 })),
});
const questions = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 12 }))
  .chain(([dimensions, queries]) =>
    fc.record({
      dimensions: fc.constant(dimensions),
      k: fc.integer({ min: 1, max: limits.vectorHitsMax }),
      vectors: fc
        .array(component, { minLength: dimensions * queries, maxLength: dimensions * queries })
        .map((all) => Float32Array.from(all, (value, at) => (at % dimensions === 0 && value === 0 ? 1 : value))),
      search: searches,
    }),
  );
const answers: fc.Arbitrary<VectorAnswer> = fc
  .array(fc.array(fc.tuple(names, component), { maxLength: 6 }), { minLength: 1, maxLength: 6 })
  .chain((lists) =>
    fc.record({
      indexSequence: fc.maxSafeNat(),
      indexVersion: names,
      epoch: fc.string(),
      counts: fc.constant(Uint32Array.from(lists, (list) => list.length)),
      scores: fc.constant(Float32Array.from(lists.flat(), ([, score]) => score)),
      ids: fc.constant(lists.flat().map(([id]) => id)),
    }),
  );

/** Anything that is not a typed protocol error fails the test. */
function outcomeOf(read: () => unknown): string {
  try {
    read();
    return "read";
  } catch (error) {
    if (error instanceof HindcastError && error.boundary === "protocol") return error.message;
    throw error;
  }
}

const small = {
  dimensions: 2,
  k: 3,
  vectors: Float32Array.of(1, 0.5, -2, 0),
  search: { environment: "shell", embedder: "hash-v1" },
};
const found: VectorAnswer = {
  indexSequence: 258,
  indexVersion: "v",
  epoch: "e",
  counts: Uint32Array.of(1, 0),
  scores: Float32Array.of(0.5),
  ids: ["demo-ü"],
};

describe("a vector frame", () => {
  test("comes back as it went, at any address", () => {
    fc.assert(
      fc.property(questions, fc.nat(7), (question, shift) => {
        const bytes = encodeVectorQuestion(question);
        const moved = new Uint8Array(bytes.length + shift).subarray(shift);
        moved.set(bytes);
        expect(decodeVectorQuestion(moved)).toEqual(question);
      }),
    );
    fc.assert(
      fc.property(answers, (answer) => {
        expect(decodeVectorAnswer(encodeVectorAnswer(answer))).toEqual(answer);
      }),
    );
  });

  test("of any other bytes is a protocol error", () => {
    const header = fc
      .tuple(fc.constantFrom(0, 1, 2), fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 60 }))
      .map(([version, kind, rest]) => Uint8Array.from([version, kind, ...rest]));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), header), (bytes) => {
        expect(outcomeOf(() => decodeVectorQuestion(bytes))).not.toBe("");
        expect(outcomeOf(() => decodeVectorAnswer(bytes))).not.toBe("");
      }),
      { numRuns: 3_000 },
    );
  });

  test("with damage is a protocol error or another frame, never a crash", () => {
    const damage = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(questions, answers, damage, fc.nat(30), (question, answer, changes, cut) => {
        for (const [frame, read] of [
          [encodeVectorQuestion(question), decodeVectorQuestion],
          [encodeVectorAnswer(answer), decodeVectorAnswer],
        ] as const) {
          for (const [at, value] of changes) frame[at % frame.length] = value;
          outcomeOf(() => read(frame));
          if (cut > 0) expect(outcomeOf(() => read(frame.subarray(0, frame.length - cut)))).not.toBe("read");
        }
      }),
      { numRuns: 300 },
    );
  });

  test("that claims more than it holds is refused before anything is allocated", () => {
    const bytes = new Uint8Array(16);
    bytes.set([1, 1, 0x00, 0x20, 1, 0, 0xff, 0x0f]);
    expect(outcomeOf(() => decodeVectorQuestion(bytes))).toMatch(/4095 queries of 8192 dimensions .* take \d+ bytes/);
    const answer = new Uint8Array(24);
    answer.set([1, 2, 1, 0, 0xff, 0xff, 0xff, 0xff]);
    expect(outcomeOf(() => decodeVectorAnswer(answer))).toMatch(/4294967295 hits/);
  });

  test.each([
    [Float32Array.of(1, 2, 3, Number.NaN), "query 1, component 1 is NaN"],
    [Float32Array.of(Number.POSITIVE_INFINITY, 1), "query 0, component 0 is Infinity"],
    [Float32Array.of(1, 1, 0, -0), "query 1 is zero in all 2 components"],
    [Float32Array.of(1, 1, 1), "3 components are no whole number of vectors of 2 dimensions"],
    [new Float32Array(0), "the number of queries is 0"],
  ])("refuses %o: %s", (vectors, message) => {
    expect(outcomeOf(() => encodeVectorQuestion({ ...small, vectors }))).toContain(message);
    if (vectors.length % 2 !== 0 || vectors.length === 0) return;
    const bytes = encodeVectorQuestion({ ...small, vectors: Float32Array.from(vectors, () => 1) });
    const view = new DataView(bytes.buffer);
    for (const [at, value] of vectors.entries()) view.setFloat32(16 + at * 4, value, true);
    expect(outcomeOf(() => decodeVectorQuestion(bytes))).toContain(message);
  });

  test("names the field that is out of range", () => {
    const changed = (at: number, value: number): string => {
      const bytes = encodeVectorQuestion(small);
      bytes[at] = value;
      return outcomeOf(() => decodeVectorQuestion(bytes));
    };
    expect(changed(0, 9)).toMatch(/version 9 .*byte 0/);
    expect(changed(1, 7)).toMatch(/kind \(byte 1\) is 7/);
    expect(changed(2, 0)).toMatch(/dimensions \(bytes 2–3\) is 0/);
    expect(changed(4, 0)).toMatch(/k \(bytes 4–5\) is 0/);
    expect(changed(6, 0)).toMatch(/number of queries \(bytes 6–7\) is 0/);
    expect(changed(8, 1)).toMatch(/flags \(bytes 8–11\) is 1/);
    expect(changed(32, 0x78)).toMatch(/tail \(from byte 32\) is not JSON/);
    expect(changed(40, 0xff)).toMatch(/tail \(from byte 32\) is not UTF-8/);
  });

  test("has these bytes: other languages build them", () => {
    const tail = Buffer.from(
      '{"environment":"shell","embedder":"hash-v1","filter":null,"exclude":{"demonstrations":[],"tasks":[],"documents":[],"episodes":[]},"minSequence":null,"deadlineMs":10000,"mode":"auto","ef":null}',
    );
    const bytes = Buffer.from(encodeVectorQuestion(small));
    expect(bytes.subarray(0, 32).toString("hex")).toBe(
      `0101020003000200${"00000000"}${"c0000000"}${"0000803f"}${"0000003f"}${"000000c0"}${"00000000"}`,
    );
    expect(bytes.subarray(32).toString()).toBe(tail.toString());
    const answer = Buffer.from(encodeVectorAnswer(found));
    expect(answer.toString("hex")).toBe(
      [
        "01020200",
        "01000000",
        "07000000",
        "20000000",
        "0201000000000000",
        "01000000",
        "00000000",
        "0000003f",
        "00000000",
        "07000000",
        Buffer.from('demo-ü{"indexVersion":"v","epoch":"e"}').toString("hex"),
      ].join(""),
    );
  });

  test("that is too large for a message is refused with its size", () => {
    const vectors = new Float32Array(4_000 * 100).fill(1);
    expect(outcomeOf(() => encodeVectorQuestion({ ...small, dimensions: 100, vectors }))).toMatch(
      /\d+ bytes exceeds the limit/,
    );
    expect(outcomeOf(() => decodeVectorQuestion(new Uint8Array(limits.replyBytesMax + 1)))).toMatch(
      /exceeds the limit/,
    );
  });
});

test("partitions of ids are these for ever, and evenly filled", () => {
  expect(["demo-1", "demo-2", "demo-ü", ""].map((id) => [2, 3, 16].map((of) => partitionOf(id, of)))).toEqual([
    [0, 0, 2],
    [0, 2, 6],
    [1, 0, 13],
    [1, 2, 11],
  ]);
  const counts = [0, 0, 0, 0];
  for (let n = 0; n < 4_000; n += 1) counts[partitionOf(`demo-${n}`, 4)]! += 1;
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});
