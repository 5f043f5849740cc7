// Requirements: 3.1.bad-files
import { describe, expect, it } from "vitest";
import { openProblem } from "./read-file.ts";

describe("openProblem", () => {
  it.each([
    ["EACCES", /permissions/],
    ["ENOENT", /does not exist/],
    ["ELOOP", /back to itself/],
    ["ENXIO", /not a regular file/],
    ["EIO", /could not be opened: it broke/],
  ])("says for %s what to do", (code, sentence) => {
    expect(openProblem(Object.assign(new Error("it broke"), { code }))).toMatch(sentence);
  });
});
