// Requirements: 6.16.harbor-import
import { describe, expect, it } from "vitest";
import { parseDockerfile, variablesOf, wordsOf } from "./dockerfile.ts";

describe("a Dockerfile", () => {
  it("is split into instructions, with comments and continued lines", () => {
    const text = [
      "# syntax=docker/dockerfile:1",
      "from ubuntu:24.04",
      "RUN apt-get update \\",
      "    # in between",
      "",
      "  && apt-get install -y git \\",
      "  && true",
      "WORKDIR /app",
    ].join("\n");
    expect(parseDockerfile(text)).toEqual([
      { keyword: "FROM", value: "ubuntu:24.04", heredoc: null },
      { keyword: "RUN", value: "apt-get update && apt-get install -y git && true", heredoc: null },
      { keyword: "WORKDIR", value: "/app", heredoc: null },
    ]);
  });

  it("keeps here-documents", () => {
    expect(parseDockerfile("RUN <<-EOF\n\techo one\n\techo '# two'\n\tEOF\nENV A=1")).toEqual([
      { keyword: "RUN", value: "<<-EOF", heredoc: "echo one\necho '# two'" },
      { keyword: "ENV", value: "A=1", heredoc: null },
    ]);
  });

  it("may have another escape", () => {
    expect(parseDockerfile("# escape=`\nRUN echo a `\n  b")[0]?.value).toBe("echo a b");
  });

  it.each([
    ['["bash", "-c", "a b"]', ["bash", "-c", "a b"]],
    ["a.txt  b.txt /app/", ["a.txt", "b.txt", "/app/"]],
    ['"with space" \'and more\' x"y"z', ["with space", "and more", "xyz"]],
    ["[not json", ["[not", "json"]],
  ])("has words: %s", (value, words) => {
    expect(wordsOf(value)).toEqual(words);
  });

  it.each([
    ["A=1 B=two", { A: "1", B: "two" }],
    ["A=\"two words\" B='x' C=a\\ b", { A: "two words", B: "x", C: "a b" }],
    ["A the rest of it", { A: "the rest of it" }],
  ])("has variables: %s", (value, variables) => {
    expect(variablesOf(value)).toEqual(variables);
  });
});
