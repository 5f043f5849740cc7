// Requirements: 6.10.javascript
import { describe, expect, it } from "vitest";
import { mutateJavaScript, parseJavaScript } from "./mutate-javascript.ts";

/** The sources that one operator makes. */
function made(source: string, operator: string, file = "a.ts"): string[] {
  const bytes = Buffer.from(source);
  return mutateJavaScript(file, source)
    .filter((each) => each.operator === operator)
    .map(({ start, end, replacement }) =>
      Buffer.concat([bytes.subarray(0, start), Buffer.from(replacement), bytes.subarray(end)]).toString(),
    );
}

describe("bugs in JavaScript and TypeScript", () => {
  it.each([
    ["flip-comparison", "function f(a) { return a < 1; }", "function f(a) { return a <= 1; }"],
    ["flip-comparison", "const f = (a) => a === 'é' ;", "const f = (a) => a !== 'é' ;"],
    ["flip-arithmetic", "const f = (a: number): number => a + 2;", "const f = (a: number): number => a - 2;"],
    ["flip-boolean", "const f = (a, b) => a ?? b;", "const f = (a, b) => a && b;"],
    ["drop-not", "function f(a) { return !a; }", "function f(a) { return a; }"],
    ["drop-branch", "function f(a) { if (a.b) g(); }", "function f(a) { if (false) g(); }"],
    ["negate-condition", "function f(a) { if (a.b) g(); }", "function f(a) { if (!(a.b)) g(); }"],
    ["drop-result", "function f(a) { return a.b; }", "function f(a) { return undefined; }"],
    ["drop-await", "async function f(a) { return (await a).b; }", "async function f(a) { return ((a)).b; }"],
    ["shift-number", "function f() { return [9]; }", "function f() { return [10]; }"],
    ["drop-statement", "function f(a) { a.push(1); }", "function f(a) { ; }"],
    [
      "swap-arguments",
      "function f(a, b) { return g(a, /* then */ b); }",
      "function f(a, b) { return g(b, /* then */ a); }",
    ],
    ["remove-body", "class A { m(a) { return a; } }", 'class A { m(a) { throw new Error("not implemented"); } }'],
  ])("%s: %s", (operator, source, expected) => {
    expect(made(source, operator)).toContain(expected);
  });

  it("leave sources that still parse, also where characters have several bytes", () => {
    const source = `
      // ünïcödé 🚀
      export class Stack<T extends object = {}> {
        #items: readonly T[] = [];
        async push(item: T, at = 1): Promise<number> {
          if (!item || at >= 10) throw new Error(\`no \${at} 🚀\`);
          await store(item, at);
          this.#items = [...this.#items, item as T];
          return this.#items.length + at * 2;
        }
      }
      type Only = 1 | 2;
      enum Level { Low = 3 }
    `;
    const operators = new Set(mutateJavaScript("a.ts", source).map(({ operator }) => operator));
    expect(operators.size).toBeGreaterThan(8);
    for (const operator of operators) {
      for (const broken of made(source, operator)) expect(parseJavaScript("a.ts", broken)).not.toBeNull();
    }
  });

  it("name function, class and line, and nothing outside of functions is touched", () => {
    const source = "const limit = 5 + 1;\nclass A {\n  grow() {\n    return 2;\n  }\n}\n";
    const found = mutateJavaScript("src/a.js", source);
    expect(found).toContainEqual({
      file: "src/a.js",
      operator: "shift-number",
      scope: "A.grow",
      line: 4,
      start: source.indexOf("2;"),
      end: source.indexOf("2;") + 1,
      replacement: "3",
    });
    expect(found.every(({ line }) => line > 1)).toBe(true);
  });

  it.each(["function f( {", "", "\0"])("are none where nothing can be parsed: %j", (source) => {
    expect(mutateJavaScript("a.ts", source)).toEqual([]);
  });
});
