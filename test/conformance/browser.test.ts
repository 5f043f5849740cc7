// What the browser world promises beyond the suite of all environments: what pages show, what actions do, what pages may
// not do to it, and that nothing but the task's sites can be reached.
// Requirements: 6.11.observation, 6.11.actions, 6.11.artifacts, 6.11.isolation, 6.11.hostile-pages, 6.11.resume, 6.11.missing
import { setTimeout as delay } from "node:timers/promises";
import type { BrowserSpec, PageObservation } from "@hindcast/shared";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Environment, EnvironmentStep } from "../../rollout-agent/src/environment/environment.ts";
import { aBrowserSpec, browserLimits, browserProvider, noChromium } from "../support/browser.ts";
import { aWebSite, type WebSite } from "../support/web-site.ts";
import { never } from "./sandbox-fixture.ts";

const form = `<title>Form</title><h1>Order</h1>
<form action="/done"><label>Name <input name="name"></label>
<label><input type="checkbox" name="gift"> Gift</label>
<label>Size <select name="size"><option value="s">Small</option><option value="l">Large</option></select></label>
<label>Day <input type="date" name="day"></label><button>Send</button></form>
<a href="/popup" target="_blank">Open</a><iframe src="/frame" title="inner" style="border:7px solid"></iframe>
<div style="height:3000px"></div><button>Far below</button>`;
const script = (code: string): string => `<title>t</title><button onclick='${code}'>Do</button>`;

let site: WebSite;
let other: WebSite;
let count = 0;
const opened: Environment[] = [];
/** The browser that most tests share: each begins with a page of its own. */
let shared: Environment;
let gym: Environment;
/** One that waits for no page longer than a second and a half. */
let hasty: Environment;

beforeAll(async () => {
  if (noChromium !== null) return;
  other = await aWebSite({ "/": "<title>Other</title>secret" });
  site = await aWebSite({
    "/": form,
    "/frame": "<button onclick='this.textContent = \"pressed\"'>In the frame</button>",
    "/popup": "<title>Popup</title>new window",
    "/fields": `<title>Fields</title><label>City <input onkeydown="document.title += event.key"></label>
<label>Age <input type="number" value="5"></label><label><input type="radio" checked> One</label>
<label>Story <textarea oninput="document.title = 'Fields ' + this.value.length"></textarea></label><button onclick="document.title += '!'">More</button>
<label>Size <select><option>Small</option><option>Large</option></select></label>`,
    "/done": (request, response) => {
      response.writeHead(200, { "content-type": "text/html", "set-cookie": "seen=1" });
      response.end(`<title>Done</title><p>${new URL(request.url ?? "", "http://x").search}</p>`);
    },
    "/alert": script('alert("Hello"); document.title = String(confirm("Sure?"))'),
    "/alerts": script("while (true) alert(1)"),
    "/tabs": script('for (let i = 0; i < 100; i += 1) window.open("/popup?" + i)'),
    "/hang": script("while (true);"),
    "/hang-later": "<title>Later</title><script>setTimeout(() => { for (;;); }, 2500)</script>",
    "/full": (_, response) => void response.writeHead(503, { "content-type": "text/html" }).end("<p>in use"),
    "/broken": (_, response) => void response.writeHead(500, { "content-type": "text/html" }).end("<p>oh no"),
    "/download": (_, response) => {
      response.writeHead(200, { "content-disposition": "attachment; filename=evil.exe" });
      response.end("MZ");
    },
    "/never": (_, response) => void response.writeHead(200, { "content-type": "text/html" }).write("<p>half a page"),
    "/huge": `<title>Huge</title>${"<p>many words in a paragraph</p>".repeat(5_000)}`,
    "/link": `<title>L</title><a href="${other.origin}/">Elsewhere</a><button onclick='fetch("${other.origin}/").catch(() => document.title = "refused")'>Fetch</button>`,
  });
  shared = create(aBrowserSpec(`${site.origin}/`, { earlyStop: false }));
  gym = create(aBrowserSpec(`${site.origin}/`, { earlyStop: false, actions: "browsergym", scope: "page" }));
  hasty = create(aBrowserSpec(`${site.origin}/popup`, { earlyStop: false }), { ...browserLimits, stepTimeMs: 3_000 });
  opened.length = 0;
  await Promise.all([shared, gym, hasty].map((environment) => environment.reset(never)));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((environment) => environment.close()));
});
afterAll(async () => {
  for (const thing of [shared, gym, hasty, site, other]) await thing?.[Symbol.asyncDispose]();
});

function create(spec: BrowserSpec, limits = browserLimits): Environment {
  const environment = browserProvider().create({
    id: `ep-browser-${process.pid}-${count++}`,
    spec,
    limits,
  });
  opened.push(environment);
  return environment;
}

type Step = EnvironmentStep & { observation: PageObservation };

async function act(environment: Environment, call: string): Promise<Step> {
  const state = await environment.step({ kind: "browser", call }, never);
  if (state.observation.kind !== "page") throw new Error(state.observation.kind);
  return { ...state, observation: state.observation };
}

const visit = (path: string, environment = shared): Promise<Step> => act(environment, `goto [${site.origin}${path}]`);

/** The id of the line that holds `words`. */
function idOf({ observation }: { observation: { text: string } }, words: string): string {
  const line = observation.text.split("\n").find((text) => text.includes(words));
  const id = /\[(\w+)\]/.exec(line ?? "")?.[1];
  if (id === undefined) throw new Error(`nothing says ${words} in:\n${observation.text}`);
  return id;
}

describe.skipIf(noChromium !== null)("a browser", () => {
  it("does not begin on a page that says that the site is full, where another try may find room, or broken", async () => {
    const start = (path: string): Promise<unknown> => create(aBrowserSpec(`${site.origin}${path}`)).reset(never);
    await expect(start("/full")).rejects.toMatchObject({ code: "ENVIRONMENT_UNAVAILABLE", retryable: true });
    await expect(start("/broken")).rejects.toMatchObject({ code: "ENVIRONMENT_SETUP_FAILED", retryable: false });
  });

  it("replaces a page that hangs between two steps", async () => {
    await visit("/hang-later", hasty);
    await delay(3_000);
    expect((await act(hasty, "scroll [down]")).observation.error).toContain("did not answer any more");
    await visit("/popup", hasty);
  });

  it("shows tabs and the tree of the viewport, with the documents of frames", async () => {
    const { observation } = await visit("/");
    expect(observation).toMatchObject({ url: `${site.origin}/`, title: "Form", error: null, omittedBytes: 0 });
    expect(observation.text).toMatch(/^Tab 0 \(current\): Form\n\n\[\d+\] RootWebArea 'Form'/);
    for (const words of [
      "heading 'Order'",
      "textbox 'Name'",
      "checkbox 'Gift'",
      "button 'Send'",
      "button 'In the frame'",
    ]) {
      expect(observation.text).toContain(words);
    }
    expect(observation.text).not.toContain("Far below");
    const below = await act(shared, "press [End]");
    expect(below.observation.text).toContain("button 'Far below'");
    expect(below.observation.text).not.toContain("textbox 'Name'");
  });

  it("clicks, types without clearing, presses and goes back, in frames too", async () => {
    let page = await visit("/");
    page = await act(shared, `click [${idOf(page, "In the frame")}]`);
    expect(page.observation.text).toContain("button 'pressed'");
    const name = idOf(page, "textbox 'Name'");
    await act(shared, `type [${name}] [a] [0]`);
    page = await act(shared, `type [${name}] [b] [0]`);
    expect(page.observation.text).toMatch(/textbox 'Name'.*\n.*StaticText 'ab'/);
    await act(shared, `click [${idOf(page, "checkbox 'Gift'")}]`);
    page = await act(shared, `type [${name}] [c] [1]`);
    expect(page.observation).toMatchObject({ title: "Done", error: null });
    expect(page.observation.url).toContain("name=abc&gift=on");
    page = await act(shared, "go_back");
    expect(page.observation.title).toBe("Form");
  });

  it("fills, checks, selects and drags as BrowserGym has it, over the whole page", async () => {
    let page = await act(gym, `goto("${site.origin}/")`);
    expect(page.observation.text).toMatch(/\[\d+\] button 'Send', clickable[^]*\[\d+\] button 'Far below'/);
    expect(page.observation.text).toMatch(/\[[a-z]+\d+\] button 'In the frame', clickable/);
    await act(gym, `fill("${idOf(page, "textbox 'Name'")}", "first")`);
    page = await act(gym, `fill("${idOf(page, "textbox 'Name'")}", "Ann")`);
    expect(page.observation.text).toContain("textbox 'Name' value='Ann'");
    await act(gym, `check("${idOf(page, "checkbox 'Gift'")}")`);
    await act(gym, `select_option("${idOf(page, "combobox 'Size'")}", "Large")`);
    page = await act(gym, `fill("${idOf(page, "Date 'Day'")}", "2026-01-31")`);
    expect(page.observation.error).toBeNull();
    const wrong = await act(gym, `select_option("${idOf(page, "combobox 'Size'")}", "Huge")`);
    expect(wrong.observation.error).toBe('The list has no option "Huge"; it has "Small", "Large".');
    page = await act(gym, `click("${idOf(page, "button 'Send'")}")`);
    expect(page.observation.url).toContain("name=Ann&gift=on&size=l&day=2026-01-31");
  });

  it("fills for menus of suggestions, refuses what a field or a box does not take, and shows folded options", async () => {
    let page = await act(gym, `goto("${site.origin}/fields")`);
    expect(page.observation.text).toMatch(/combobox 'Size'[^]*\] option 'Small'[^]*\] option 'Large'/);
    page = await act(gym, `fill("${idOf(page, "textbox 'City'")}", "Rome", True)`);
    expect(page.observation).toMatchObject({ title: "Fieldse", error: null });
    expect(page.observation.text).toContain("textbox 'City' value='Rome'");
    page = await act(gym, `fill("${idOf(page, "spinbutton 'Age'")}", "old")`);
    expect(page.observation.error).toBe(
      'The field does not take "old"; numbers are written as 12.5, dates as 2026-01-31, times as 13:45.',
    );
    expect(page.observation.text).toContain("spinbutton 'Age' value=5");
    page = await act(gym, `uncheck("${idOf(page, "radio 'One'")}")`);
    expect(page.observation.error).toBe("The click left the element checked.");
    await act(gym, "new_tab()");
    await act(gym, "tab_focus(0)");
    expect((await act(gym, "tab_focus(-1)")).observation).toMatchObject({ url: "about:blank", error: null });
    expect((await act(gym, "tab_close()")).observation.title).toMatch(/^Fields/);
  });

  it("types texts of any length that an action can have, and keeps the page", async () => {
    const page = await visit("/fields", hasty);
    const story = `${"x".repeat(7_000)}\n${"y".repeat(7_000)}`;
    const typed = await act(hasty, `type [${idOf(page, "textbox 'Story'")}] [${story}] [0]`);
    expect(typed.observation).toMatchObject({ title: "Fields 14001", error: null });
  });

  it("does what ends the episode as a repetition, so that the page is judged after it", async () => {
    const once = create(aBrowserSpec(`${site.origin}/fields`));
    const start = await once.reset(never);
    const button = idOf(
      { observation: { text: start.observation.kind === "page" ? start.observation.text : "" } },
      "More",
    );
    const ends = [];
    for (let step = 0; step < 3; step += 1) ends.push(await act(once, `click [${button}]`));
    expect(ends.map(({ terminated }) => terminated)).toEqual([false, false, true]);
    expect(ends.at(-1)?.observation.title).toBe("Fields!!!");
    expect(ends.at(-1)?.observation.error).toMatch(/^The episode ends here: the same action was taken 3 times/);
  });

  it.each([
    ["click [99999]", /There is no element \[99999\]/],
    ["click [1", /form click \[id\]/],
    ["dance", /"dance" is no action/],
    ["press [Enterr]", /"Enterr" is no key or combination/],
    ["tab_focus [7]", /no tab 7; the tabs are 0 to/],
    ["goto [file:///etc/passwd]", /outside of the task's sites/],
    ["goto [127.0.0.1/path]", /127\.0\.0\.1\/path is no URL such as http/],
    ["upload [/etc/passwd]", /no files to upload/],
  ])("tells what is wrong with %s and goes on", async (call, error) => {
    await visit("/popup");
    const { observation, terminated } = await act(shared, call);
    expect(observation.error).toMatch(error);
    expect(observation.text).toContain("StaticText 'new window'");
    expect(terminated).toBe(false);
  });

  it("tells that an element's page was left", async () => {
    const before = await visit("/");
    await visit("/popup");
    const { observation } = await act(shared, `click [${idOf(before, "button 'Send'")}]`);
    expect(observation.error).toMatch(/belongs to a page that is not shown now/);
  });

  it("reaches the task's sites and nothing else", async () => {
    const page = await visit("/link");
    const fetched = await act(shared, `click [${idOf(page, "button 'Fetch'")}]`);
    expect(fetched.observation.title).toBe("refused");
    const followed = await act(shared, `click [${idOf(page, "link 'Elsewhere'")}]`);
    expect(followed.observation.error).toContain(`${other.origin}/ is outside of the task's sites (${site.origin})`);
    expect(followed.observation.text).not.toContain("secret");
    expect(other.asked).toEqual([]);
  });

  it("opens windows as tabs in front, up to a number, and closes them", { timeout: 600_000 }, async () => {
    let page = await visit("/tabs");
    page = await act(shared, `click [${idOf(page, "button 'Do'")}]`);
    const said = [page.observation.error];
    const look = async (): Promise<string> => {
      page = await act(shared, "scroll [down]");
      said.push(page.observation.error);
      return page.observation.text.split("\n")[0] ?? "";
    };
    // A hundred windows ask for their pages at once, and a step with ten tabs takes seconds on a busy machine. Which window
    // came last is the browser's affair, and so is whether that one ever gets its page.
    const slow = { timeout: 240_000 };
    await expect
      .poll(look, slow)
      .toMatch(/^Tab 0: t \| Tab 1: Popup.* \(current\):|^Tab 0: t \| Tab 1 \(current\): Popup/);
    await expect.poll(async () => (await look()).split(" | ").length, slow).toBe(10);
    await expect
      .poll(async () => (await look(), said.join(" ")), slow)
      .toMatch(/further tabs? w\w+ closed: at most 10 may be open/);
    expect(page.observation.text).toMatch(/^Tab 0: t \| Tab 1.*Tab 9[^|]*\n/);
    page = await act(shared, "close_tab");
    expect(page.observation.text).toMatch(/^Tab 0: t \| .* Tab 8 \(current\): [^|]*\n/);
  });

  it("dismisses dialogs and tells what they said, and ends those without end", async () => {
    let page = await visit("/alert");
    page = await act(shared, `click [${idOf(page, "button 'Do'")}]`);
    expect(page.observation).toMatchObject({
      title: "false",
      error:
        'The page showed the alert "Hello"; it was dismissed. The page showed the confirm "Sure?"; it was dismissed.',
    });
    page = await visit("/alerts");
    page = await act(shared, `click [${idOf(page, "button 'Do'")}]`);
    expect(page.observation.error).toMatch(/alert "1".*/);
    expect((await visit("/popup")).observation.title).toBe("Popup");
  });

  it("refuses downloads and shows where it stands", async () => {
    await visit("/popup");
    const { observation } = await visit("/download");
    expect(observation.error).toContain('The download of "evil.exe" was refused.');
    expect(observation.text).toContain("new window");
  });

  it("shows a huge page's first lines with a mark, and what there is of a page that never loads", async () => {
    const huge = await visit("/huge");
    expect(Buffer.byteLength(huge.observation.text)).toBeLessThan(1_920 * 4);
    const never = await visit("/never", hasty);
    expect(never.observation.error).toMatch(/still loading after \d+ ms/);
    expect(never.observation.text).toContain("StaticText 'half a page'");
  });

  it("replaces a page that does not answer any more", async () => {
    let page = await visit("/hang", hasty);
    page = await act(hasty, `click [${idOf(page, "button 'Do'")}]`);
    expect(page.observation.error).toMatch(/did not answer any more/);
    expect((await visit("/popup", hasty)).observation).toMatchObject({ title: "Popup", error: null });
  });
});
