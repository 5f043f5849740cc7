// Requirements: 6.16.harbor-verifier
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { withSessionOf } from "./session-entry.ts";

const blockBytes = 512;

/** The first entry of an image, as the guest writes it: a tar header, and its content up to a whole block. */
function session(text: string, name = "session"): Buffer {
  const header = Buffer.alloc(blockBytes);
  header.write(name, 0);
  header.write(`${text.length.toString(8).padStart(11, "0")}\0`, 124);
  const content = Buffer.alloc(Math.ceil(text.length / blockBytes) * blockBytes);
  content.write(text);
  return Buffer.concat([header, content]);
}

/** Compresses to a thousandth, which is what would fill an agent's memory. */
const files = Buffer.alloc(48 * 1024 * 1024, "files and zeros ");

describe("an image with another's session", () => {
  it("has the other's first entry and all of its own files, whatever the sizes of the two sessions", async () => {
    for (const [own, other] of [
      ["cwd=/a", "cwd=/b"],
      ["x".repeat(70_000), "cwd=/b"],
      ["cwd=/a", "y".repeat(200_000)],
    ] as const) {
      const image = gzipSync(Buffer.concat([session(own), files]), { level: 1 });
      const from = gzipSync(Buffer.concat([session(other), Buffer.from("files of the other")]), { level: 1 });
      const spliced = gunzipSync(await withSessionOf(from, image));
      expect(spliced.equals(Buffer.concat([session(other), files]))).toBe(true);
    }
  });

  it("is refused where one of the two does not begin with a session, or is damaged", async () => {
    const good = gzipSync(session("cwd=/a"));
    const other = gzipSync(session("", "etc/passwd"));
    await expect(withSessionOf(other, good)).rejects.toThrow('begins with "etc/passwd"');
    await expect(withSessionOf(good, other)).rejects.toThrow('begins with "etc/passwd"');
    const image = gzipSync(Buffer.concat([session("cwd=/a"), files]), { level: 1 });
    await expect(withSessionOf(good, image.subarray(0, image.length / 2))).rejects.toThrow();
  });
});
