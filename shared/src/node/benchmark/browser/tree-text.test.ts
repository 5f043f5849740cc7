// Requirements: 6.11.observation
import { describe, expect, it } from "vitest";
import { AxNode, type FrameSnapshot, pageTree, type Rect, visibleShare } from "./accessibility-tree.ts";
import { NodeNumbers } from "./node-numbers.ts";
import { pageText } from "./page-text.ts";
import { pythonRepr, pythonText } from "./python-repr.ts";
import { treeLines } from "./tree-text.ts";

const viewport = { width: 1280, height: 720 };
const inside: Rect = { x: 10, y: 10, width: 100, height: 20 };

type Words = { role: string; name?: string; at?: Rect | null; properties?: Record<string, unknown>; value?: unknown };
type Tree = [Words, ...Tree[]];

/** A document as the browser tells of it: parents before children, level by level. */
function frame(tree: Tree, key = "main", children: FrameSnapshot["children"] = new Map()): FrameSnapshot {
  const nodes: AxNode[] = [];
  const rects = new Map<number, Rect>();
  const queue: { tree: Tree; id: string }[] = [{ tree, id: "1" }];
  let next = 2;
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
    const [{ role, name, at = inside, properties = {}, value }, ...kids] = item.tree;
    const childIds = kids.map((kid) => {
      const id = String(next++);
      queue.push({ tree: kid, id });
      return id;
    });
    if (at !== null) rects.set(Number(item.id), at);
    nodes.push(
      AxNode.parse({
        nodeId: item.id,
        role: { value: role },
        ...(name !== undefined && { name: { value: name } }),
        ...(value !== undefined && { value: { value } }),
        properties: Object.entries(properties).map(([property, held]) => ({ name: property, value: { value: held } })),
        childIds,
        backendDOMNodeId: Number(item.id),
      }),
    );
  }
  return { key, nodes, rects, clickable: new Set(), children };
}

function shown(snapshot: FrameSnapshot, style: "webarena" | "browsergym" = "webarena"): string[] {
  const numbers = new NodeNumbers(style);
  const root = pageTree(snapshot, viewport);
  if (root === null) return [];
  return treeLines(root, style, ({ frame: document, ax }) => numbers.idOf(document, ax, document === snapshot)).map(
    ({ text }) => text,
  );
}

describe("the tree of a page", () => {
  it("is one line per element with its properties, one tab per level", () => {
    const tree: Tree = [
      { role: "RootWebArea", name: "Shop", properties: { focusable: true, focused: true } },
      [{ role: "link", name: "It's here", properties: { url: "http://a.test" } }],
      [{ role: "textbox", name: 'say "x"', properties: { required: false, invalid: "false" } }],
    ];
    expect(shown(frame(tree))).toEqual([
      "[1] RootWebArea 'Shop' focused: True",
      `\t[2] link "It's here"`,
      `\t[3] textbox 'say "x"' required: False`,
    ]);
  });

  it("leaves out what is empty, and keeps what is in it", () => {
    const image: Tree = [{ role: "image", name: "" }];
    const tree: Tree = [
      { role: "RootWebArea", name: "" },
      [{ role: "generic", name: "" }, [{ role: "button", name: "A" }], image],
      [{ role: "listitem", name: "", properties: { level: 1 } }, [{ role: "button", name: "B" }]],
      [{ role: "generic", name: "", properties: { expanded: false } }],
    ];
    expect(shown(frame(tree))).toEqual([
      "[1] RootWebArea ''",
      "\t[2] button 'A'",
      "\t[3] button 'B'",
      "\t[4] generic '' expanded: False",
    ]);
  });

  it("keeps what is visible by three fifths, and the visible children of the rest", () => {
    const half = { x: 0, y: 710, width: 10, height: 20 };
    const most = { x: 0, y: 706, width: 10, height: 20 };
    const tree: Tree = [
      { role: "RootWebArea", name: "t", at: null },
      [{ role: "group", name: "below", at: half }, [{ role: "button", name: "seen" }]],
      [{ role: "button", name: "mostly", at: most }],
      [{ role: "button", name: "flat", at: { ...inside, height: 0 } }],
      [{ role: "button", name: "nowhere", at: null }],
    ];
    expect(shown(frame(tree))).toEqual(["[1] RootWebArea 't'", "\t[2] button 'seen'", "\t[3] button 'mostly'"]);
    expect(visibleShare({ x: -50, y: 0, width: 100, height: 10 }, viewport)).toBe(0.5);
  });

  it("drops text that a line just above holds already, and pieces of lines", () => {
    const tree: Tree = [
      { role: "RootWebArea", name: "t" },
      [
        { role: "link", name: "Read more" },
        [{ role: "StaticText", name: "Read more" }, [{ role: "InlineTextBox", name: "Read" }]],
      ],
      [{ role: "StaticText", name: "more" }],
      [{ role: "StaticText", name: "other" }],
    ];
    expect(shown(frame(tree))).toEqual(["[1] RootWebArea 't'", "\t[2] link 'Read more'", "\t[3] StaticText 'other'"]);
  });

  it("keeps a number that only an id above has among its digits", () => {
    const links = Array.from({ length: 12 }, (_, index): Tree => [{ role: "link", name: "x".repeat(index + 1) }]);
    const tree: Tree = [{ role: "RootWebArea", name: "t" }, ...links, [{ role: "StaticText", name: "1" }]];
    expect(shown(frame(tree)).slice(-2)).toEqual([`\t[13] link 'xxxxxxxxxxxx'`, "\t[14] StaticText '1'"]);
  });

  it("shows the options of a folded list that is seen to whom chooses them by name", () => {
    const option: Tree = [{ role: "option", name: "Large", at: null }];
    const list = (at: Rect): Tree => [
      { role: "combobox", name: "Size", at },
      [{ role: "MenuListPopup", name: "", at: null }, option],
    ];
    const snapshot = frame([
      { role: "RootWebArea", name: "t" },
      list(inside),
      list({ ...inside, y: 5_000 }),
      [{ role: "listbox", name: "l" }, option],
    ]);
    const names = (withFoldedOptions: boolean): string[] => {
      const root = pageTree(snapshot, viewport, { withFoldedOptions });
      if (root === null) throw new Error("no tree");
      return treeLines(root, "browsergym", () => null).map(({ text }) => text);
    };
    const folded = ["RootWebArea 't'", "\tcombobox 'Size'", "\tlistbox 'l'"];
    expect(names(false)).toEqual(folded);
    expect(names(true)).toEqual([...folded.slice(0, 2), "\t\toption 'Large'", ...folded.slice(2)]);
  });

  it("holds the documents of its frames in their places, each with ids of its own", () => {
    const inner = frame([{ role: "RootWebArea", name: "inner" }, [{ role: "button", name: "in" }]], "frame");
    const tree: Tree = [
      { role: "RootWebArea", name: "outer" },
      [{ role: "Iframe", name: "f" }],
      [{ role: "button", name: "out" }],
    ];
    const outer = frame(tree, "main", new Map([[2, inner]]));
    expect(shown(outer)).toEqual([
      "[1] RootWebArea 'outer'",
      "\t[2] Iframe 'f'",
      "\t\t[3] RootWebArea 'inner'",
      "\t\t\t[4] button 'in'",
      "\t[5] button 'out'",
    ]);
    expect(shown(outer, "browsergym")).toEqual([
      "[1] RootWebArea 'outer'",
      "\t[2] Iframe 'f'",
      "\t\t[a3] RootWebArea 'inner'",
      "\t\t\t[a4] button 'in'",
      "\t[5] button 'out'",
    ]);
  });

  it("survives nodes that come twice, that are ignored, that are missing and that go in circles", () => {
    const snapshot = frame([{ role: "RootWebArea", name: "t" }, [{ role: "button", name: "A" }]]);
    const [root, button] = snapshot.nodes;
    const odd = { nodeId: "9", ignored: true, childIds: ["2", "1", "9", "404"], properties: [] };
    const nodes = [{ ...root, childIds: ["9", "2"] }, button, button, odd] as AxNode[];
    expect(shown({ ...snapshot, nodes, rects: new Map([[2, inside]]) })).toEqual([
      "[1] RootWebArea 't'",
      "\t[2] button 'A'",
    ]);
    let deep: Tree = [{ role: "button", name: "deepest" }];
    for (let level = 0; level < 5_000; level += 1) deep = [{ role: "group", name: "g" }, deep];
    expect(shown(frame([{ role: "RootWebArea", name: "t" }, deep])).length).toBeLessThan(500);
  });

  it("is written BrowserGym's way with values, clickability and without text that its parent says", () => {
    const tree: Tree = [
      { role: "RootWebArea", name: "t" },
      [
        {
          role: "textbox",
          name: "Name",
          value: "Ann",
          properties: { required: true, focused: false, multiline: false },
        },
      ],
      [{ role: "button", name: " Go ", properties: { haspopup: "menu" } }, [{ role: "StaticText", name: "Go" }]],
      [{ role: "StaticText", name: "free" }],
    ];
    const snapshot = { ...frame(tree), clickable: new Set([3]) };
    expect(shown(snapshot, "browsergym")).toEqual([
      "[1] RootWebArea 't'",
      "\t[2] textbox 'Name' value='Ann', required",
      "\t[3] button 'Go', clickable, haspopup='menu'",
      "\tStaticText 'free'",
    ]);
  });
});

describe("ids", () => {
  it("stay with an element while its document lives, and are new in another document", () => {
    const numbers = new NodeNumbers("webarena");
    const [first, second] = [frame([{ role: "RootWebArea" }], "one"), frame([{ role: "RootWebArea" }], "two")];
    const idOf = (document: FrameSnapshot): string | null => numbers.idOf(document, document.nodes[0] as AxNode, true);
    expect([idOf(first), idOf(second), idOf(first)]).toEqual(["1", "2", "1"]);
    expect(numbers.nodeOf("2")).toEqual({ frame: "two", backendId: 1 });
    expect(numbers.nodeOf("3")).toBeNull();
  });
});

describe("the text of a page", () => {
  const tabs = [
    { title: "One", isCurrent: false },
    { title: "Two \n lines", isCurrent: true },
  ];

  it("starts with the goal and the tabs", () => {
    const { text, omittedBytes } = pageText({
      goal: "Do it",
      tabs,
      lines: ["[1] a", "[2] b"],
      tokensMax: 100,
      bytesMax: 1_000,
    });
    expect(text).toBe("Goal: Do it\nTab 0: One | Tab 1 (current): Two lines\n\n[1] a\n[2] b");
    expect(omittedBytes).toBe(0);
  });

  it("is cut to its tokens and its bytes with a mark that says what is missing", () => {
    const lines = Array.from({ length: 100 }, (_, index) => `[${index}] StaticText 'ünï'`);
    for (const [tokensMax, bytesMax] of [
      [150, 10_000],
      [10_000, 600],
    ] as const) {
      const { text, omittedBytes, linesShown } = pageText({ goal: null, tabs, lines, tokensMax, bytesMax });
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(600);
      expect(text).toContain(`[... ${100 - linesShown} more lines, ${omittedBytes} bytes omitted ...]`);
      expect(linesShown).toBeGreaterThan(10);
    }
  });

  it("shows the start of a line that is larger than all there is room for", () => {
    const { text, omittedBytes } = pageText({
      goal: null,
      tabs,
      lines: [`[1] ${"é".repeat(5_000)}`],
      tokensMax: 100,
      bytesMax: 9_999,
    });
    expect(text).toMatch(/\[1\] é{50,}/);
    expect(text).not.toContain("\uFFFD");
    expect(omittedBytes).toBeGreaterThan(9_000);
  });
});

describe("Python's way of writing", () => {
  it.each([
    ["plain", "'plain'"],
    ["it's", `"it's"`],
    [`it's "x"`, String.raw`'it\'s "x"'`],
    ["a\\b\n\t\r", String.raw`'a\\b\n\t\r'`],
    ["\u0000\u007f\u00a0\u200b\u{e0001}é🎉", String.raw`'\x00\x7f\xa0\u200b\U000e0001é🎉'`],
  ])("quotes %j", (text, quoted) => {
    expect(pythonRepr(text)).toBe(quoted);
  });

  it("has its own words for what JSON knows", () => {
    expect([true, false, null, 1.5, "x"].map(pythonText)).toEqual(["True", "False", "None", "1.5", "x"]);
  });
});
