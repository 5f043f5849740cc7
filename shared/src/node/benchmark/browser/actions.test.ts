// Requirements: 6.11.actions
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { actionSetNames, actionSets } from "./action-set.ts";
import {
  type BrowserGymAction,
  browserGymNames,
  browserGymParameters,
  browserGymText,
  parseBrowserGym,
} from "./browsergym-actions.ts";
import { keyModifiers, mouseButtons } from "./command.ts";
import type { Literal } from "./python-call.ts";
import { parseWebArena, type WebArenaAction, webArenaText } from "./webarena-actions.ts";

const id = fc.nat().map(String);
const anyText = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });
/** Brackets, quotation marks, words of the grammar: whatever a parser could take for its own. */
const hostileText = fc.oneof(
  anyText,
  fc
    .array(fc.constantFrom("]", "[", " [1]", "] [0]", "'", '"', "\\", "\n", "#", "stop [", "a", "`", ")"), {
      minLength: 1,
    })
    .map((parts) => parts.join("")),
);

const webArenaActions: fc.Arbitrary<WebArenaAction> = fc.oneof(
  fc.record({ name: fc.constantFrom("click" as const, "hover" as const, "clear" as const), id }),
  fc.record({ name: fc.constant("type" as const), id, text: hostileText, enter: fc.boolean() }),
  fc.record({ name: fc.constant("press" as const), keys: hostileText }),
  fc.record({ name: fc.constant("scroll" as const), direction: fc.constantFrom("up" as const, "down" as const) }),
  fc.record({ name: fc.constant("tab_focus" as const), index: fc.nat({ max: 999_999 }) }),
  fc.record({ name: fc.constant("goto" as const), url: fc.webUrl() }),
  fc.record({ name: fc.constant("upload" as const), path: hostileText }),
  fc.record({
    name: fc.constantFrom("new_tab" as const, "close_tab" as const, "go_back" as const, "go_forward" as const),
  }),
  fc.record({ name: fc.constant("stop" as const), answer: fc.oneof(fc.constant(""), hostileText) }),
);

const argument = {
  text: fc.oneof(fc.string({ unit: "binary", maxLength: 20 }), hostileText),
  texts: fc.oneof(hostileText, fc.array(hostileText, { maxLength: 3 })),
  number: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
  whole: fc.nat(),
  flag: fc.boolean(),
  button: fc.constantFrom(...mouseButtons),
  modifiers: fc.array(fc.constantFrom(...keyModifiers), { maxLength: 3 }),
};

const gymActions: fc.Arbitrary<BrowserGymAction> = fc.constantFrom(...browserGymNames).chain((name) =>
  fc.tuple(...browserGymParameters(name).map(({ type }) => argument[type] as fc.Arbitrary<Literal>)).map((values) => ({
    name,
    args: Object.fromEntries(
      browserGymParameters(name).flatMap((parameter, index): [string, Literal][] => {
        const value = values[index] ?? null;
        return JSON.stringify(value) === JSON.stringify(parameter.default) ? [] : [[parameter.name, value]];
      }),
    ),
  })),
);

describe("WebArena's actions", () => {
  it("are read back from their canonical text, whatever they hold", () => {
    fc.assert(
      fc.property(webArenaActions, (action) => {
        expect(parseWebArena(webArenaText(action))).toEqual(action);
      }),
    );
  });

  it.each<[string, WebArenaAction]>([
    ["click [12]", { name: "click", id: "12" }],
    ["  click[12] ", { name: "click", id: "12" }],
    ["Click [ 12 ].", { name: "click", id: "12" }],
    ["`hover [3]`", { name: "hover", id: "3" }],
    ["```click [7]```", { name: "click", id: "7" }],
    ["type [5] [hello world]", { name: "type", id: "5", text: "hello world", enter: true }],
    ["type [5] [hello] [0]", { name: "type", id: "5", text: "hello", enter: false }],
    ["type [5] [a [b] c] [1]", { name: "type", id: "5", text: "a [b] c", enter: true }],
    ["press [Meta+a]", { name: "press", keys: "Meta+a" }],
    ["scroll down", { name: "scroll", direction: "down" }],
    ["scroll [up]", { name: "scroll", direction: "up" }],
    ["tab_focus [2]", { name: "tab_focus", index: 2 }],
    ["goto [http://a.test/x?y=[1]]", { name: "goto", url: "http://a.test/x?y=[1]" }],
    ["go_back", { name: "go_back" }],
    ["upload [/a b.png]", { name: "upload", path: "/a b.png" }],
    ["stop", { name: "stop", answer: "" }],
    ["stop [N/A]", { name: "stop", answer: "N/A" }],
  ])("read %j", (text, action) => {
    expect(parseWebArena(text)).toEqual(action);
  });

  it("press Control where Meta or Ctrl is written", () => {
    const keysOf = (text: string): unknown => Object(actionSets.webarena.parse(text)).command.keys;
    expect(["press [Meta+a]", "press [Ctrl+v]", "press [ctrl + c]", "press [Shift+Tab]"].map(keysOf)).toEqual([
      "Control+a",
      "Control+v",
      "Control+ c",
      "Shift+Tab",
    ]);
  });

  it.each([
    ["", /empty/],
    ["click 12", /form click \[id\]/],
    ["click [abc]", /form click \[id\]/],
    ["type [1] []", /form type/],
    ["scroll [left]", /form scroll/],
    ["dance [1]", /"dance" is no action; the actions are click, hover/],
    ["none", /"none" is no action/],
    ["I would click [12]", /"I would click" is no action/],
    [`type [1] [${"x".repeat(20_000)}]`, /20,?0\d\d characters; at most 16,?000/],
  ])("refuse %j with what would be right", (text, problem) => {
    expect(parseWebArena(text)).toEqual({ problem: expect.stringMatching(problem) });
  });
});

describe("BrowserGym's actions", () => {
  it("are read back from their canonical text, whatever they hold", () => {
    fc.assert(
      fc.property(gymActions, (action) => {
        expect(parseBrowserGym(browserGymText(action))).toEqual(action);
      }),
    );
  });

  it.each<[string, string]>([
    ["click('a51')", 'click("a51")'],
    ['click("a51", button="left")', 'click("a51")'],
    ["click('12', 'right', modifiers=['Shift',])", 'click("12", "right", ["Shift"])'],
    ["# look first\nclick(bid=12)  # then go", 'click("12")'],
    ['fill("b", """two\nlines""")', 'fill("b", "two\\nlines")'],
    ["fill('b', 'it\\'s \\x41\\u00e9\\q')", 'fill("b", "it\'s Aé\\\\q")'],
    ["scroll(0, -2.5e2)", "scroll(0, -250)"],
    ["select_option('b', ['x', 'y'])", 'select_option("b", ["x", "y"])'],
    ["noop()", "noop()"],
    ["noop(wait_ms=500.0)", "noop(500)"],
    ["fill('b', 'v', True)", 'fill("b", "v", True)'],
    ["tab_focus(1);", "tab_focus(1)"],
  ])("write %j canonically", (text, canonical) => {
    expect(actionSets.browsergym.parse(text)).toMatchObject({ call: canonical });
  });

  it("fill with a last keystroke where menus of suggestions are asked for", () => {
    const lastTyped = (text: string): unknown => Object(actionSets.browsergym.parse(text)).command.isLastTyped;
    expect(lastTyped('fill("b", "v", True)')).toBe(true);
    expect(lastTyped('fill("b", "v", enable_autocomplete_menu=False)')).toBe(false);
    expect(lastTyped('fill("b", "v")')).toBe(false);
  });

  it.each([
    ["", /empty/],
    ["# nothing", /empty/],
    ["click('1') click('2')", /2 calls; only one/],
    ["click(", /cannot be read/],
    ["click('1", /text is not closed, at character 9/],
    ["click('two\nlines')", /text is not closed/],
    ["click(a51)", /a51 is no literal \(text needs quotation marks\)/],
    ["click(open('x'))", /open is no literal/],
    ["click('1' + '2')", /"," or "\)" was expected/],
    ["__import__('os')", /__import__ is no action/],
    ["click()", /lacks the argument bid: click\(bid, button="left", modifiers=\[\]\)/],
    ["click('1', 'left', [], 4)", /takes 3 arguments, not 4/],
    ["click('1', knob=1)", /has no argument knob/],
    ["click('1', bid='2')", /given bid twice/],
    ["click('1', button='top')", /must be one of left, middle, right, not "top"/],
    ["scroll('a', 1)", /delta_x of scroll must be a number/],
    ["click(button='left', '1')", /positional argument follows a named one/],
    [`fill('1', ${"[".repeat(100)})`, /nested too deeply/],
    ["noop(1e999)", /too large/],
  ])("refuse %j with what would be right", (text, problem) => {
    expect(parseBrowserGym(text)).toEqual({ problem: expect.stringMatching(problem) });
  });
});

describe.each(actionSetNames)("the action set %s", (name) => {
  const set = actionSets[name];
  const alphabet = fc.constantFrom(
    ..."click hover type stop scroll fill goto [ ] ( ) ' \" \\ , = 1 0 a51 # \n { } : True None - . é 🎉".split(" "),
  );

  it("reads or refuses whatever it is given, and a canonical text is its own", () => {
    const texts = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.array(alphabet).map((words) => words.join("")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = set.parse(text);
        if ("problem" in parsed) expect(parsed.problem).toMatch(/\.$/);
        else expect(set.parse(parsed.call)).toEqual(parsed);
      }),
      { numRuns: 2_000 },
    );
  });
});
