// A browser whose page takes what it can get: it ends by its episode's own limits, and says by which.
// Requirements: 6.11.limits
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BrowserProcess } from "../../rollout-agent/src/environment/browser/browser-process.ts";
import { useOf } from "../../rollout-agent/src/environment/browser/browser-watch.ts";
import { ControlGroups } from "../../rollout-agent/src/sandbox/control-groups.ts";
import { defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { aBrowserSpec, browserLimits, browserProvider, chromium, noChromium } from "../support/browser.ts";
import { aWebSite, type WebSite } from "../support/web-site.ts";
import { never } from "./sandbox-fixture.ts";

const MiB = 2 ** 20;
const greedy = `<title>Greedy</title><script>
  const all = [];
  const take = () => setInterval(() => all.push(new Uint8Array(32 << 20).fill(1)), 20);
</script><button onclick="take()">Take</button>`;

let site: WebSite;
beforeAll(async () => void (site = await aWebSite({ "/": greedy, "/calm": "<title>Calm</title>calm" })));
afterAll(() => site[Symbol.asyncDispose]());

/** The outermost process of a browser, by its sandbox's name. */
function browserNamed(name: string): number | null {
  for (const pid of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (words[0] === "/usr/bin/bwrap" && words.includes(name)) return Number(pid);
    } catch {
      // Gone meanwhile.
    }
  }
  return null;
}

describe.skipIf(noChromium !== null)(`a browser's limits${noChromium === null ? "" : ` (${noChromium})`}`, () => {
  it("end it with its episode, and no other", async () => {
    const start = (id: string, path: string) =>
      browserProvider().create({
        id,
        spec: aBrowserSpec(`${site.origin}${path}`),
        limits: { ...browserLimits, memoryBytesMax: 256 * MiB },
      });
    await using calm = start("ep-calm", "/calm");
    await calm.reset(never);
    await using environment = start("ep-greedy", "/");
    const first = await environment.reset(never);
    const pid = browserNamed("ep-greedy") ?? 0;
    expect(useOf(pid)?.memoryBytes).toBeGreaterThan(64 * MiB);
    const { text } = first.observation as { text: string };
    const id = /\[(\d+)\] button/.exec(text)?.[1];
    let most = 0;
    const looking = setInterval(() => (most = Math.max(most, useOf(pid)?.memoryBytes ?? 0)), 50);
    const act = async (): Promise<never> => {
      await environment.step({ kind: "browser", call: `click [${id}]` }, never);
      for (;;) await environment.step({ kind: "browser", call: "scroll [down]" }, never);
    };
    await expect(act()).rejects.toMatchObject({
      code: "SANDBOX_FULL",
      retryable: false,
      message: expect.stringMatching(/it took \d+ MiB of memory and may take 768 MiB/) as string,
    });
    clearInterval(looking);
    expect(most).toBeLessThan(1_536 * MiB);
    await expect.poll(() => browserNamed("ep-greedy")).toBeNull();
    expect((await calm.step({ kind: "browser", call: "scroll [down]" }, never)).observation).toMatchObject({
      kind: "page",
      error: null,
    });
  });
});

/** Only in the root of the groups, where nobody's processes have to move; see sandbox-groups.test.ts. */
const root = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].find((path) => existsSync(join(path, "cgroup.controllers")));
const controllers = root === undefined ? [] : readFileSync(join(root, "cgroup.controllers"), "utf8").trim().split(" ");
const isOurs = process.getuid?.() === 0 && /^0::\/$/m.test(readFileSync("/proc/self/cgroup", "utf8"));

describe.skipIf(noChromium !== null || root === undefined || !isOurs || controllers[0] === "")(
  "a browser's group",
  () => {
    it("holds all its processes from the first on, and is gone with it", async () => {
      const controlGroups = await ControlGroups.find({ needs: controllers.slice(0, 1) });
      if (!(controlGroups instanceof ControlGroups)) throw new Error(controlGroups.reason);
      const groups = (): string[] => readdirSync(root ?? "").filter((name) => name.startsWith("hindcast-sandbox-"));
      const before = new Set(groups());
      const browser = await BrowserProcess.start({
        name: "ep-grouped",
        programs: { chromiumPath: chromium ?? "", bwrapPath: "/usr/bin/bwrap", guestPath: defaultGuestPath },
        spec: aBrowserSpec(`${site.origin}/calm`),
        limits: browserLimits,
        controlGroups,
        miniWobFolder: null,
        storageState: null,
      });
      await delay(100);
      const [own = "", ...more] = groups().filter((name) => !before.has(name));
      expect(more).toEqual([]);
      const held = readFileSync(join(root ?? "", own, "cgroup.procs"), "utf8")
        .trim()
        .split("\n")
        .map(Number);
      expect(held).toContain(browserNamed("ep-grouped"));
      expect(held.length).toBeGreaterThanOrEqual(5);
      expect([browser.isAlive, browser.excess]).toEqual([true, null]);
      await browser[Symbol.asyncDispose]();
      await expect.poll(() => groups().filter((name) => !before.has(name))).toEqual([]);
    });
  },
);
