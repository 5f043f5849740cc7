// Requirements: 3.5.isolation
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GuestReply, parseEntries, StateReply } from "./guest-protocol.ts";

const hash = "0".repeat(64);

describe("what a guest answers", () => {
  it("lists entries by path, whatever the path holds", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1 })), (paths) => {
        const listing = paths.map((path) => `file 0644 ${hash} ${JSON.stringify(path)}\n`).join("");
        expect([...parseEntries(listing).keys()]).toEqual(paths);
      }),
    );
  });

  it.each(["file", `file 0644 ${hash} unquoted`, `gate 0644 ${hash} "x"`, `file 0644 ${hash} "\\x"`, "\u0000"])(
    "is refused as an entry: %j",
    (line) => {
      expect(() => parseEntries(line)).toThrow();
    },
  );

  it("is refused when it has fields or sizes that nobody asked for", () => {
    const state = { stateHash: hash, filesHash: hash, workingDirectory: "/", effects: [], effectsOmitted: 0 };
    expect(StateReply.safeParse(state).success).toBe(true);
    expect(StateReply.safeParse({ ...state, more: 1 }).success).toBe(false);
    expect(StateReply.safeParse({ ...state, stateHash: "short" }).success).toBe(false);
    const effect = { change: "created", path: "/x", before: null, after: null };
    expect(StateReply.safeParse({ ...state, effects: Array(51).fill(effect) }).success).toBe(false);
  });

  it("has its complaints cut", () => {
    const reply = GuestReply.parse({ id: 1, ok: null, fault: { code: "failed", message: "x".repeat(9_999) } });
    expect(reply.fault?.message).toHaveLength(2_000);
  });
});
