// Requirements: 3.5.session
import { describe, expect, it } from "vitest";
import { describeDifferences } from "./end-state.ts";

describe("differences of two end states", () => {
  it("are one phrase per path, a repository's own files last", () => {
    const found = new Map([
      ["/workspace/.git/index", "file 0644 a"],
      ["/workspace/equal", "file 0644 a"],
      ["/workspace/extra", "file 0644 a"],
      ["/workspace/kind", "file 0644 a"],
      ["/workspace/mode", "file 0644 a"],
      ["/workspace/text", "file 0644 a"],
    ]);
    const wanted = new Map([
      ["/workspace/.git/index", "file 0644 b"],
      ["/workspace/absent", "file 0644 a"],
      ["/workspace/equal", "file 0644 a"],
      ["/workspace/kind", "directory 0755 a"],
      ["/workspace/mode", "file 0755 a"],
      ["/workspace/text", "file 0644 b"],
    ]);
    expect(describeDifferences(found, wanted)).toEqual([
      "/workspace/absent is missing",
      "/workspace/extra should not exist",
      "/workspace/kind is a file and should be a directory",
      "/workspace/mode has mode 0644 and should have 0755",
      "/workspace/text has other content",
      "/workspace/.git/index has other content",
    ]);
  });
});
