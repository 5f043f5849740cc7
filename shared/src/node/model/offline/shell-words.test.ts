// Requirements: 3.10.offline
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mapWords, shellQuote, shellWords, simpleCommands } from "./shell-words.ts";

describe("shell words", () => {
  it("read back what was quoted", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 5 }), (texts) => {
        expect(shellWords(texts.map(shellQuote).join(" ")).map(({ text }) => text)).toEqual(texts);
      }),
    );
  });

  it("cover every character that is no space, in order, whatever the text", () => {
    fc.assert(
      fc.property(fc.string(), (command) => {
        const words = shellWords(command);
        expect(words.map(({ raw }) => raw).join("")).toHaveLength(
          words.reduce((sum, { start, end }) => sum + end - start, 0),
        );
        for (const [index, { start }] of words.entries())
          expect(start).toBeGreaterThanOrEqual(words[index - 1]?.end ?? 0);
      }),
    );
  });

  it("stay as they were written where nothing is exchanged", () => {
    fc.assert(
      fc.property(fc.string(), (command) => {
        expect(mapWords(command, (text) => text)).toBe(command);
      }),
    );
  });

  it("are quoted anew where something is, behind the key of an assignment", () => {
    const rename = (text: string): string => text.replace("one", "two words");
    expect(mapWords("npm pkg set name=one && echo 'one' > one", rename)).toBe(
      "npm pkg set name='two words' && echo 'two words' > 'two words'",
    );
  });

  it("tell simple commands apart", () => {
    expect(simpleCommands("git log | head -3 && cd 'a b'; ls")).toEqual([
      ["git", "log"],
      ["head", "-3"],
      ["cd", "a b"],
      ["ls"],
    ]);
  });
});
