import { globSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { requirements } from "./requirements.ts";

const root = new URL("..", import.meta.url).pathname;
const files = globSync(["*/{src,ts}/**/*.test.ts", "test/**/*.test.ts", "index-core/{src,tests}/**/*.rs"], {
  cwd: root,
}).filter((file) => !file.includes("node_modules"));
const citations = files.flatMap((file) =>
  [...readFileSync(`${root}/${file}`, "utf8").matchAll(/^\/\/!? Requirements: (.+)$/gm)].flatMap((match) =>
    (match[1] ?? "").split(",").map((id) => ({ file, id: id.trim() })),
  ),
);

describe("requirements", () => {
  it("are each cited by a test", () => {
    const cited = new Set(citations.map(({ id }) => id));
    expect(Object.keys(requirements).filter((id) => !cited.has(id))).toEqual([]);
  });

  it("are known wherever they are cited", () => {
    expect(citations.filter(({ id }) => !(id in requirements))).toEqual([]);
  });
});
