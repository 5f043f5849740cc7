// Actions and observations against upstream's own code: hundreds of cases per function, the same for every run.
// Requirements: 6.11.upstream
import {
  AxNode,
  type FrameSnapshot,
  pageTree,
  parseCalls,
  parseWebArena,
  pythonRepr,
  treeLines,
  type WebArenaAction,
} from "@hindcast/shared/node";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { upstream, type UpstreamCases, type UpstreamOpinion } from "../support/browser-upstream.ts";

const source = await upstream();
const sampled = <T>(arbitrary: fc.Arbitrary<T>, count: number): T[] =>
  fc.sample(arbitrary, { seed: 6, numRuns: count });

const words = fc
  .array(
    fc.constantFrom(
      ..."click|hover|type|press|scroll|goto|stop|tab_focus|new_tab|close_tab|go_back|go_forward|[12]|[3]|[0]|[1]|[up]|[ text ]|[a [b] c]|[]|[http://a.test/?q=[1]]|down|up|none|clear|é".split(
        "|",
      ),
    ),
    { minLength: 1, maxLength: 5 },
  )
  .chain((parts) => fc.constantFrom(parts.join(" "), parts.join(""), ` ${parts.join(" ")} `));
const callWords = fc
  .array(
    fc.constantFrom(
      ...`click|fill|f|(|)|(|)|,|'a'|"b"|'''c'''|'it\\'s'|"\\n\\t\\x41\\q"|bid=|x=|1|-2.5|3e2|True|None|[1, 'x',]|{'k': 1}|()|# note\n|\n| `.split(
        "|",
      ),
    ),
    { minLength: 1, maxLength: 9 },
  )
  .map((parts) => parts.join(""));
const wholeCalls = fc
  .tuple(
    fc.constantFrom("click", "fill", "goto"),
    fc.array(
      fc.constantFrom(
        "'a'",
        '"b c"',
        "1",
        "-2.5",
        "True",
        "['x', 'y']",
        "{'k': [1]}",
        "('t',)",
        String.raw`'\u00e9\101\0\b'`,
        '"two\nlines"',
      ),
      { maxLength: 3 },
    ),
    fc.uniqueArray(fc.constantFrom("button='left'", "x = 3", "y=None"), { maxLength: 2 }),
  )
  .map(([name, positional, named]) => `${name}(${[...positional, ...named].join(", ")}) # done`);

const texts = fc.oneof(
  // No digits: upstream takes the digits of an id above for text that was said (ADR 0091).
  fc.constantFrom(
    "",
    " ",
    "Add to cart",
    "It's",
    'a "quoted" one',
    "one",
    "two\nlines",
    "\u00a0",
    "naïve 🎉",
    "\u200b",
  ),
  fc.string({ unit: fc.constantFrom(..."aéo '\"漢🎉".split("")), maxLength: 6 }),
);
const properties = fc.array(
  fc.record({
    name: fc.constantFrom("focusable", "focused", "required", "checked", "expanded", "level", "hasPopup", "atomic"),
    value: fc.record({ value: fc.constantFrom<unknown>(true, false, "true", "menu", 2) }),
  }),
  { maxLength: 2 },
);
const roles = [
  "RootWebArea",
  "generic",
  "link",
  "button",
  "StaticText",
  "listitem",
  "list",
  "img",
  "textbox",
  "LineBreak",
];

/** A tree whose nodes come level by level, as the browser sends them. */
const trees: fc.Arbitrary<AxNode[]> = fc
  .array(
    fc.record({ role: fc.constantFrom(...roles), name: texts, properties, value: fc.option(texts), parent: fc.nat() }),
    { minLength: 1, maxLength: 25 },
  )
  .map((items) => {
    const nodes = items.map(({ role, name, properties: held, value }, index) => ({
      nodeId: String(index + 1),
      backendDOMNodeId: index + 1,
      ignored: false,
      role: { value: role },
      name: { value: name },
      ...(value !== null && { value: { value } }),
      properties: held,
      childIds: [] as string[],
      ...(role !== "StaticText" && { browsergym_id: String(index + 1) }),
    }));
    for (const [index, { parent }] of items.entries()) {
      if (index > 0) nodes[parent % index]?.childIds.push(String(index + 1));
    }
    return nodes;
  });

/** Of every class that Python tells apart, without what newer versions of Unicode have added. */
const repred = fc.constantFrom(
  ...`a|'|"|\\|\n|\r|\t| |\u0000|\u0007|\u001b|\u007f|\u0085|\u00a0|\u00ad|\u00e9|\u0301|\u200b|\u2028|\u3000|\ue000|\ufeff|\u{1f389}|\u{e0001}|\u{10ffff}`.split(
    "|",
  ),
);

const cases: UpstreamCases = {
  idBased: [...new Set(sampled(words, 1_500))].filter((text) => text.trim() !== ""),
  calls: [...new Set([...sampled(callWords, 1_000), ...sampled(wholeCalls, 400)])].filter((text) => text.trim() !== ""),
  trees: sampled(trees, 300),
  reprs: [...new Set(sampled(fc.string({ unit: repred, maxLength: 8 }), 500))],
};

describe.skipIf("reason" in source)(`upstream${"reason" in source ? ` (${source.reason})` : ""}`, () => {
  let opinion: UpstreamOpinion;
  beforeAll(async () => {
    if ("opinion" in source) opinion = await source.opinion(cases);
  });

  it("reads the id-based actions that it takes as we do", () => {
    const taken = cases.idBased.flatMap((text, index) => {
      const theirs = opinion.idBased[index];
      return theirs === null || theirs === undefined
        ? []
        : [{ text, theirs: ourWords(theirs), ours: parseWebArena(text) }];
    });
    expect(taken.length).toBeGreaterThan(150);
    for (const { text, theirs, ours } of taken) expect({ text, action: ours }).toEqual({ text, action: theirs });
  });

  it("reads calls as we do, and refuses what we refuse", () => {
    const ours = cases.calls.map((text) => {
      try {
        // Nothing at all is no list of calls to upstream; to us an action without a call is.
        const calls = parseCalls(text);
        return calls.length === 0
          ? null
          : calls.map(({ name, positional, named }) => ({
              name,
              positional,
              named: Object.fromEntries(named),
            }));
      } catch {
        return null;
      }
    });
    expect(ours.filter((calls) => calls !== null).length).toBeGreaterThan(150);
    for (const [index, text] of cases.calls.entries()) {
      expect({ text, calls: ours[index] }).toEqual({ text, calls: opinion.calls[index] });
    }
  });

  it.each(["webarena", "browsergym"] as const)("writes trees as we do: %s", (style) => {
    const theirs = style === "webarena" ? opinion.webArenaTrees : opinion.gymTrees;
    const none = new Map<number, never>();
    for (const [index, nodes] of cases.trees.entries()) {
      const frame: FrameSnapshot = {
        key: "",
        nodes: nodes.map((node) => AxNode.parse(node)),
        rects: none,
        clickable: new Set(),
        children: none,
      };
      const root = pageTree(frame, null);
      if (root === null) throw new Error("no tree");
      const ours = treeLines(root, style, ({ ax }) => ax.nodeId).map(({ text }) => text);
      expect(ours.join("\n")).toBe(theirs[index]);
    }
  });

  it("quotes text as we do", () => {
    for (const [index, text] of cases.reprs.entries()) expect(pythonRepr(text)).toBe(opinion.reprs[index]);
  });
});

function ourWords(theirs: { kind: string; args: unknown[] } & Record<string, unknown>): WebArenaAction {
  const { kind } = theirs;
  const say = (key: string): string => String(theirs[key]);
  switch (kind) {
    case "click":
    case "hover":
      return { name: kind, id: say("element_id") };
    case "type": {
      const text = say("text");
      return { name: "type", id: say("element_id"), text: text.replace(/\n$/, ""), enter: text.endsWith("\n") };
    }
    case "key_press":
      return { name: "press", keys: say("key_comb") };
    case "scroll":
      return { name: "scroll", direction: say("direction") === "up" ? "up" : "down" };
    case "goto_url":
      return { name: "goto", url: say("url") };
    case "page_focus":
      return { name: "tab_focus", index: Number(theirs["page_number"] ?? theirs.args[0]) };
    case "page_close":
      return { name: "close_tab" };
    case "stop":
      return { name: "stop", answer: String(theirs["answer"] ?? theirs.args[0]) };
    case "new_tab":
    case "go_back":
    case "go_forward":
      return { name: kind };
    default:
      throw new Error(`upstream made ${kind}`);
  }
}
