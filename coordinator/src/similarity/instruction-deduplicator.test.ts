// Requirements: 3.2.duplicates
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { processorMilliseconds } from "../../../test/support/processor-time.ts";
import { InstructionDeduplicator } from "./instruction-deduplicator.ts";

function repeats(known: string, candidate: string): boolean {
  const deduplicator = new InstructionDeduplicator();
  deduplicator.add("known", known);
  return deduplicator.isDuplicate(candidate) !== null;
}

describe("InstructionDeduplicator", () => {
  it.each([
    ["the same words", "Create an annotated tag v1.0.", "Create an annotated tag v1.0."],
    [
      "case, quotes and full stop",
      "Create the tag `v1.0` with message 'first'",
      'create the tag "v1.0" with message "first".',
    ],
    [
      "articles and filler words",
      "Create an annotated tag v1.0 with the message 'first release'.",
      "Please create an annotated tag named v1.0 with message 'first release'",
    ],
    ["singular and plural", "Show the scripts of the package.json file", "Show scripts of package.json files"],
    [
      "one of eight names and values",
      "In folder app run npm init -y, set scripts.test to 'vitest run', set license to MIT and engines.node to '>=20', config.port to 8080, then pack it as 'demo'.",
      "In folder app run npm init -y, set scripts.test to 'vitest run', set license to MIT and engines.node to '>=20', config.port to 8080, then pack it as 'demo2'.",
    ],
  ])("takes instructions that differ in %s for the same", (_, known, candidate) => {
    expect(repeats(known, candidate)).toBe(true);
  });

  it.each([
    ["a name", "Create an annotated tag v1.0", "Create an annotated tag v2.0"],
    ["the case of an option", "Delete the branch topic with -d", "Delete the branch topic with -D"],
    ["a value", "Set the version of the package to 1.2.3", "Set the version of the package to 2.0.0"],
    ["what is done to it", "Create the branch topic", "Delete the branch topic"],
    ["direction", "Rename the file a.txt to b.txt", "Rename the file b.txt to a.txt"],
    [
      "all names and values",
      "Add a script named build that runs 'tsc -b' to package.json",
      "Add a script named lint that runs 'oxlint src' to package.json",
    ],
  ])("takes instructions that differ in %s for two", (_, known, candidate) => {
    expect(repeats(known, candidate)).toBe(false);
  });

  it("names the most similar of what it knows", () => {
    const deduplicator = new InstructionDeduplicator();
    deduplicator.add("a", "Stash the changes of the files app.ts and lib.ts with message 'wip', then list all stashes");
    deduplicator.add("b", "Stash the changes of the files app.ts and lib.ts with message 'wip', then list stashes");
    expect(
      deduplicator.isDuplicate("Stash changes of files app.ts and lib.ts with message 'wip', then list stashes"),
    ).toBe("b");
    expect(deduplicator.isDuplicate("Write a poem")).toBeNull();
    expect(deduplicator.size).toBe(2);
  });

  it("takes any text, finds it again, and is not moved by white space around it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (text) => {
        const deduplicator = new InstructionDeduplicator();
        deduplicator.add("known", text);
        expect(deduplicator.isDuplicate(text)).toBe("known");
        expect(deduplicator.isDuplicate(`  ${text}\n`)).toBe("known");
      }),
    );
  });

  it("answers in a moment among two thousand", () => {
    const deduplicator = new InstructionDeduplicator();
    for (let i = 0; i < 2_000; i += 1)
      deduplicator.add(String(i), `Create tag v${i}.0 on branch topic-${i} with message 'm${i}'`);
    const spent = processorMilliseconds(() => {
      for (let i = 0; i < 200; i += 1) {
        const text = `Please create the tag v${i}.0 on branch topic-${i} with message "m${i}"`;
        expect(deduplicator.isDuplicate(text)).toBe(String(i));
      }
    });
    expect(spent).toBeLessThan(2_000);
  });
});
