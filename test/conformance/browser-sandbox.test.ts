// The browser's process: what it can see of the machine, what it leaves behind, what it keeps for later.
// Requirements: 6.11.isolation, 6.11.artifacts, 6.11.resume, 6.11.hostile-pages, 6.11.missing, 6.14.visits
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { Har } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EnvironmentState } from "../../rollout-agent/src/environment/environment.ts";
import { createBrowserProvider } from "../../rollout-agent/src/environment/browser/browser-provider.ts";
import { BrowserSession } from "../../rollout-agent/src/environment/browser/browser-session.ts";
import { defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { aBrowserSpec, browserLimits, browserProvider, chromium, noChromium } from "../support/browser.ts";
import { anObserved } from "../support/builders.ts";
import { aWebSite, type WebSite } from "../support/web-site.ts";
import { never } from "./sandbox-fixture.ts";

let site: WebSite;
let other: WebSite;
let session: BrowserSession;

const counter = `<title>Count</title><p id=n>0</p><button onclick='
  localStorage.n = Number(localStorage.n ?? 0) + 1; document.querySelector("#n").textContent = localStorage.n'>More</button>
  <form method="post" action="/send"><input name="word" value="hello"><button>Send</button></form>`;

beforeAll(async () => {
  if (noChromium !== null) return;
  other = await aWebSite({ "/": "secret" });
  site = await aWebSite({
    "/": counter,
    "/send": "<title>Sent</title>thanks",
    "/many": "<title>Many</title><script>for (let i = 0; i < 200; i += 1) fetch('/send?' + i)</script>",
  });
  session = await BrowserSession.start({
    name: "ep-session",
    programs: { chromiumPath: chromium ?? "", bwrapPath: "/usr/bin/bwrap", guestPath: defaultGuestPath },
    spec: aBrowserSpec(`${site.origin}/`, {
      screenshots: "marks",
      clock: "2026-01-02T03:04:05Z",
      timezone: "Asia/Tokyo",
    }),
    limits: browserLimits,
    miniWobFolder: null,
    storageState: null,
  });
  await session.open([`${site.origin}/`], never);
});
afterAll(async () => {
  for (const thing of [session, site, other]) await thing?.[Symbol.asyncDispose]();
});

const observe = (): ReturnType<BrowserSession["observe"]> =>
  session.observe({ goal: null, problems: [], withArtifacts: true }, never);

/** Processes below ours whose command line holds `word`. */
function processesWith(word: string): string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, "utf8").includes(word) && isDescendant(Number(name));
    } catch {
      return false;
    }
  });
}

function isDescendant(pid: number): boolean {
  for (let at = pid; at > 1;) {
    if (at === process.pid) return true;
    at = Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${at}/stat`, "utf8"))?.[1]);
  }
  return false;
}

describe.skipIf(noChromium !== null)("the process of a browser", () => {
  it("has no namespace, no file and no user of the host's", () => {
    const browsers = processesWith("--remote-debugging-pipe").filter((pid) =>
      /chrom/.test(readFileSync(`/proc/${pid}/comm`, "utf8")),
    );
    expect(browsers.length).toBeGreaterThan(0);
    for (const pid of browsers) {
      for (const space of ["user", "mnt", "pid", "net", "ipc", "uts"]) {
        expect(readlinkSync(`/proc/${pid}/ns/${space}`)).not.toBe(readlinkSync(`/proc/self/ns/${space}`));
      }
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      expect(status).toMatch(/^CapEff:\t0+$/m);
      if (process.getuid?.() === 0) expect(status).toMatch(/^Uid:\t65534/m);
    }
  });

  it("says whose it is, where the reaper of agents looks", () => {
    const lines = processesWith("ep-session").map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0"));
    expect(lines.length).toBeGreaterThan(1);
    for (const words of lines) expect(words[words.lastIndexOf("/.hindcast-guest") + 1]).toBe("ep-session");
  });

  it("keeps its renderers in Chromium's own sandbox", () => {
    const renderers = processesWith("--type=renderer");
    expect(renderers.length).toBeGreaterThan(0);
    for (const pid of renderers) expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(/^Seccomp:\t2$/m);
  });

  it("finds neither the host's files nor its services, not even when a page is sent there", async () => {
    const { front } = session.tabs;
    for (const path of ["/etc/shadow", "/etc/passwd", `${process.cwd()}/package.json`, "/root/.bashrc"]) {
      await expect(front.goto(`file://${path}`)).rejects.toThrow(/ERR_FILE_NOT_FOUND|ERR_ACCESS_DENIED/);
    }
    for (const url of [`${other.origin}/`, "http://169.254.169.254/latest/meta-data", "http://example.com/"]) {
      // An empty answer that is an error is shown by Chromium as its own page.
      await expect(front.goto(url)).rejects.toThrow(/ERR_HTTP_RESPONSE_CODE_FAILURE/);
    }
    await expect(front.goto("https://example.com/")).rejects.toThrow(/ERR_TUNNEL_CONNECTION_FAILED/);
    expect(other.asked).toEqual([]);
    await session.perform({ do: "goto", url: `${site.origin}/` }, never);
  });

  it("shows pages the time, place and size that the task says", async () => {
    const facts = await session.tabs.front.evaluate<unknown>(
      "[new Date().toISOString(), new Date().getHours(), navigator.language, innerWidth, innerHeight]",
    );
    expect(facts).toEqual(["2026-01-02T03:04:05.000Z", 12, "en-US", 1280, 720]);
  });

  it("keeps a picture with marks and the exchanges of each step", async () => {
    await session.perform({ do: "goto", url: `${site.origin}/` }, never);
    const first = await observe();
    const text = first.observation.kind === "page" ? first.observation.text : "";
    const id = /\[(\d+)\] button 'Send'/.exec(text)?.[1] ?? "";
    const picture = Buffer.from(first.artifacts.find(({ name }) => name === "screenshot.png")?.bytes ?? []);
    expect(picture.subarray(1, 4).toString()).toBe("PNG");
    expect([picture.readUInt32BE(16), picture.readUInt32BE(20)]).toEqual([1280, 720]);
    expect(await session.tabs.front.evaluate<unknown>("document.getElementById('hindcast-marks')")).toBeNull();
    const plain = await session.tabs.front.screenshot();
    expect(picture.equals(plain)).toBe(false);

    await session.perform({ do: "click", at: { id }, button: "left", modifiers: [], times: 1 }, never);
    const second = await observe();
    const har = second.artifacts.find(({ name }) => name === "network.har");
    const { entries } = Har.parse(JSON.parse(Buffer.from(har?.bytes ?? []).toString())).log;
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({
      request: { method: "POST", url: `${site.origin}/send`, postData: { text: "word=hello" } },
      response: { status: 200, content: { text: "<title>Sent</title>thanks" } },
    });
    const { headers = [] } = entries[0]?.request ?? {};
    expect(headers).toContainEqual({ name: "sec-fetch-dest", value: "document" });
    expect(session.exchanges.length).toBeGreaterThan(1);
  });

  it("replaces a page whose renderer crashed", async () => {
    const crash = (await session.tabs.session(session.tabs.front)).send("Page.crash");
    await Promise.race([crash.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 500))]);
    const problems = await session.perform({ do: "wait", ms: 0 }, never);
    expect(problems).toEqual(["The page crashed and was replaced by a blank one."]);
    expect(await session.perform({ do: "goto", url: `${site.origin}/` }, never)).toEqual([]);
  });

  it("says itself to a site that it leaves, so that what a page sets and names reaches no further than the page", async () => {
    const left: unknown[] = [];
    await using lure = await aWebSite({
      "/": (_, response) => {
        response.writeHead(200, { "content-type": "text/html", "set-cookie": "hindcast_visit_toy=1; Path=/" });
        response.end("here");
      },
      "/-/hindcast/leave": (request, response) => {
        left.push([request.method, request.headers["user-agent"]]);
        response.writeHead(204).end();
      },
    });
    const leaving = await BrowserSession.start({
      name: "ep-leaving",
      programs: { chromiumPath: chromium ?? "", bwrapPath: "/usr/bin/bwrap", guestPath: defaultGuestPath },
      spec: aBrowserSpec(`${lure.origin}/`),
      limits: browserLimits,
      miniWobFolder: null,
      storageState: null,
    });
    await leaving.open([`${lure.origin}/`], never);
    await leaving[Symbol.asyncDispose]();
    expect(left).toEqual([["POST", expect.stringContaining("Chrome/")]]);
  });

  it("is gone when it is closed, with its folder", async () => {
    const folders = (): string[] =>
      readdirSync(tmpdir()).filter((name) => name.startsWith(`hindcast-browser-${process.pid}-`));
    const before = folders();
    const environment = browserProvider().create({
      id: "ep-x",
      spec: aBrowserSpec(`${site.origin}/`),
      limits: browserLimits,
    });
    await environment.reset(never);
    const during = folders().filter((name) => !before.includes(name));
    expect(during).toHaveLength(1);
    await environment.close();
    expect(folders()).toEqual(before);
    await expect.poll(() => processesWith(during[0] ?? "")).toEqual([]);
  });
});

describe.skipIf(noChromium !== null)("a browser's snapshot", () => {
  it.each(["replay", "revisit"] as const)("brings a fresh browser to the same state by %s", async (resume) => {
    const spec = aBrowserSpec(`${site.origin}/`, { resume });
    const make = () => browserProvider().create({ id: `ep-${resume}`, spec, limits: browserLimits });
    await using one = make();
    await using two = make();
    const start = await one.reset(never);
    const text = start.observation.kind === "page" ? start.observation.text : "";
    const more = { kind: "browser" as const, call: `click [${/\[(\d+)\] button 'More'/.exec(text)?.[1]}]` };
    await one.step(more, never);
    // What a visit finds again is in the storage and not on the page: the page shows it once it is asked.
    const last = resume === "replay" ? more : { kind: "browser" as const, call: `goto [${site.origin}/]` };
    const state = await one.step(last, never);
    const snapshot = (await state.snapshot(never)) ?? new Uint8Array();
    const restored = await two.restore(snapshot, never);
    expect(restored.stateHash).toBe(state.stateHash);
    if (resume === "replay") expect(restored.observation).toEqual(state.observation);
    expect(restored.stateHash).not.toBe(start.stateHash);
  });

  it("has all exchanges however many its replay brought", { timeout: 120_000 }, async () => {
    const provider = createBrowserProvider({
      chromiumPath: chromium,
      guestPath: defaultGuestPath,
      miniWobFolder: null,
      evaluators: [
        (_, browser) => {
          const detail = String(Buffer.from(browser.har() ?? []).includes("exchanges are missing"));
          return Promise.resolve({ verdict: "success", evaluator: "test", detail });
        },
      ],
    });
    const spec = aBrowserSpec(`${site.origin}/`, { earlyStop: false });
    await using one = provider.create({ id: "ep-many-1", spec, limits: browserLimits });
    await using two = provider.create({ id: "ep-many-2", spec, limits: browserLimits });
    let state: EnvironmentState = await one.reset(never);
    for (let index = 0; index < 3; index += 1) {
      state = await one.step({ kind: "browser", call: `goto [${site.origin}/many?${index}]` }, never);
    }
    await two.restore((await state.snapshot(never)) ?? new Uint8Array(), never);
    const request = { reference: { commands: ["x"] }, answer: null, trajectory: { initial: anObserved(), steps: [] } };
    expect((await two.evaluate(request, never)).detail).toBe("false");
  });

  it("that is damaged is refused for good", async () => {
    await using environment = browserProvider().create({
      id: "ep-x",
      spec: aBrowserSpec(`${site.origin}/`),
      limits: browserLimits,
    });
    await expect(environment.restore(Buffer.from("{}"), never)).rejects.toMatchObject({ retryable: false });
  });
});

describe.skipIf(noChromium !== null)("an evaluator", () => {
  it("looks at the page where the episode stopped, at others, and at what was exchanged until then", async () => {
    const provider = createBrowserProvider({
      chromiumPath: chromium,
      guestPath: defaultGuestPath,
      miniWobFolder: null,
      evaluators: [
        () => Promise.resolve(null),
        async (_, browser, signal) => {
          const stopped = [browser.url(), await browser.evaluate("document.title", signal)];
          await browser.goto(`${site.origin}/send`, signal);
          const { entries } = Har.parse(JSON.parse(Buffer.from(browser.har() ?? []).toString())).log;
          const asked = entries.map(({ request }) => request.url.replace(site.origin, ""));
          const detail = JSON.stringify([stopped, await browser.content(signal), asked.includes("/send")]);
          await expect(browser.goto(`${other.origin}/`, signal)).rejects.toThrow(/outside of the task's sites/);
          return { verdict: "success", evaluator: "test", detail };
        },
      ],
    });
    const spec = aBrowserSpec(`${site.origin}/`);
    await using environment = provider.create({ id: "ep-judged", spec, limits: browserLimits });
    await environment.reset(never);
    const trajectory = { initial: anObserved(), steps: [] };
    const request = { reference: { commands: ["x"] }, answer: null, trajectory };
    expect(JSON.parse((await environment.evaluate(request, never)).detail)).toEqual([
      [`${site.origin}/`, "Count"],
      expect.stringContaining("thanks"),
      false,
    ]);
    const unjudged = { ...request, reference: { kind: "world-reward" as const } };
    expect(await environment.evaluate(unjudged, never)).toMatchObject({ verdict: "unknown" });
  });
});

describe("without a browser", () => {
  it("says what to install, and opens nothing", async () => {
    const settings = { guestPath: "/nonexistent/guest", bwrapPath: "/nonexistent/bwrap", miniWobFolder: null };
    const provider = createBrowserProvider({ ...settings, chromiumPath: "/nonexistent/chromium" });
    const said = (await provider.problems()).join("\n");
    expect(said).toMatch(
      /HINDCAST_CHROMIUM_PATH names \/nonexistent\/chromium[^]*apt-get install bubblewrap[^]*cargo build/,
    );
    const environment = provider.create({ id: "ep-x", spec: aBrowserSpec("http://a.test/"), limits: browserLimits });
    await expect(environment.reset(never)).rejects.toMatchObject({ code: "SANDBOX_UNAVAILABLE", message: said });
  });

  it.skipIf(noChromium !== null)(
    "a start page or a MiniWoB page that is not there makes the task unavailable",
    async () => {
      const start = (spec: Parameters<typeof aBrowserSpec>[1], url = "http://127.0.0.1:9/"): Promise<unknown> =>
        browserProvider()
          .create({ id: "ep-x", spec: aBrowserSpec(url, spec), limits: browserLimits })
          .reset(never);
      await expect(start({})).rejects.toMatchObject({
        code: "ENVIRONMENT_SETUP_FAILED",
        message: /is its site running/,
      });
      await expect(start({ start: { kind: "miniwob", task: "click-button", seed: 0 } })).rejects.toMatchObject({
        code: "ENVIRONMENT_SETUP_FAILED",
        message: expect.stringMatching(/pip download miniwob==1\.1\.0/),
      });
    },
  );
});
