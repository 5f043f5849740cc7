// A page as Chromium told of it, with an `img`-less role, ignored nodes, pieces of lines and a frame: what is shown of it.
// Requirements: 6.11.observation
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { AxNode, type FrameSnapshot, pageTree } from "./accessibility-tree.ts";
import type { ActionSetName } from "./action-set.ts";
import { NodeNumbers } from "./node-numbers.ts";
import { treeLines } from "./tree-text.ts";

const fixtures = new URL("../../../../../test/fixtures/browser/", import.meta.url);
const Entry = z.tuple([z.number(), z.number(), z.number(), z.number(), z.number()]);

interface Recorded {
  key: string;
  nodes: unknown[];
  rects: unknown[];
  clickable: number[];
  children: [number, Recorded][];
}

function frameOf({ key, nodes, rects, clickable, children }: Recorded): FrameSnapshot {
  return {
    key,
    nodes: z.array(AxNode).parse(nodes),
    rects: new Map(
      z
        .array(Entry)
        .parse(rects)
        .map(([id, x, y, width, height]) => [id, { x, y, width, height }]),
    ),
    clickable: new Set(clickable),
    children: new Map(children.map(([id, child]) => [id, frameOf(child)])),
  };
}

describe("a recorded page", () => {
  it.each<[ActionSetName, boolean]>([
    ["webarena", true],
    ["browsergym", false],
  ])("is shown in the format of %s", async (style, isViewportOnly) => {
    const recorded = JSON.parse(readFileSync(new URL("shop.json", fixtures), "utf8")) as Recorded;
    const frame = frameOf(recorded);
    const root = pageTree(frame, isViewportOnly ? { width: 1280, height: 720 } : null);
    const numbers = new NodeNumbers(style);
    const lines =
      root === null ? [] : treeLines(root, style, (node) => numbers.idOf(node.frame, node.ax, node.frame === frame));
    const text = lines.map((line) => `${line.text}\n`).join("");
    await expect(text).toMatchFileSnapshot(new URL(`shop.${style}.txt`, fixtures).pathname);
  });
});
