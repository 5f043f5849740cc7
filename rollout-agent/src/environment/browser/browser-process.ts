// One sandboxed browser with one context: made for an episode, gone with it.
import { HindcastError, limits, messageOf } from "@hindcast/shared";
import type { BrowserSpec, EpisodeLimits, StorageState } from "@hindcast/shared";
import { miniWobOrigin } from "@hindcast/shared/node";
import type { Browser, BrowserContext } from "playwright-core";
import { type ControlGroup, type ControlGroups, ownControlGroups } from "../../sandbox/control-groups.ts";
import { BrowserFolder, type BrowserPrograms, proxyPort, temporaryFolders } from "./browser-sandbox.ts";
import { type BrowserCaps, BrowserWatch } from "./browser-watch.ts";
import { EgressGate } from "./egress-gate.ts";

const launchMsMax = 60_000;
const closeMsMax = 5_000;
/** Of each writable folder inside: Chromium needs some for its profile, whatever the episode may have. */
const temporaryBytesMin = 256 * 1024 * 1024;

export interface BrowserProcessOptions {
  /** Whose browser it is, as an operator's `ps` and the reaper read it. */
  name: string;
  programs: BrowserPrograms;
  spec: BrowserSpec;
  limits: Pick<EpisodeLimits, "memoryBytesMax" | "diskBytesMax" | "processesMax">;
  /** @default those of this process (`ownControlGroups`); null: none */
  controlGroups?: ControlGroups | null;
  miniWobFolder: string | null;
  storageState: StorageState | null;
}

export class BrowserProcess implements AsyncDisposable {
  readonly context: BrowserContext;
  readonly gate: EgressGate;
  readonly #browser: Browser;
  readonly #watch: BrowserWatch;
  readonly #group: ControlGroup | null;
  readonly #resources: AsyncDisposableStack;

  private constructor({ browser, context, gate, watch, group }: Parts, resources: AsyncDisposableStack) {
    this.#browser = browser;
    this.context = context;
    this.gate = gate;
    this.#watch = watch;
    this.#group = group;
    this.#resources = resources;
  }

  get isAlive(): boolean {
    return this.#watch.excess === null && this.#browser.isConnected();
  }

  /** Which limit the browser was ended by; null: none, it may have crashed. */
  get excess(): string | null {
    if (this.#watch.excess !== null) return this.#watch.excess;
    return this.#group?.isOutOfMemory() === true ? "its control group had no memory left" : null;
  }

  /** @throws SANDBOX_UNAVAILABLE where this machine cannot start browsers */
  static async start(options: BrowserProcessOptions): Promise<BrowserProcess> {
    await using starting = new AsyncDisposableStack();
    const folder = starting.use(new BrowserFolder());
    const gate = starting.use(new EgressGate(reachable(options)));
    await gate.listen(folder.socketPath);
    folder.shareSocket();
    const temporaryBytesMax = Math.max(temporaryBytesMin, options.limits.diskBytesMax);
    const group = await groupFor(options, temporaryBytesMax);
    if (group !== null) starting.defer(group.remove);
    const { name, programs } = options;
    const procsFile = group?.procsFile ?? null;
    const program = folder.writeScript({ name, programs, temporaryBytesMax, procsFile });
    const browser = await launch({ program, folder: folder.path }, options);
    starting.defer(() => closeSoon(browser));
    const watch = starting.use(new BrowserWatch(folder.pid, capsOf(options)));
    const context = await browser.newContext(contextOptions(options));
    if (options.spec.clock !== null) await context.clock.setFixedTime(new Date(options.spec.clock));
    return new BrowserProcess({ browser, context, gate, watch, group }, starting.move());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

interface Parts {
  browser: Browser;
  context: BrowserContext;
  gate: EgressGate;
  watch: BrowserWatch;
  group: ControlGroup | null;
}

function capsOf({ limits: episode }: BrowserProcessOptions): BrowserCaps {
  return {
    memoryBytesMax: episode.memoryBytesMax + limits.browserOverheadBytes,
    threadsMax: episode.processesMax + limits.browserOverheadThreads,
  };
}

/** Null where there are none; a group that cannot be made is no reason to open nothing, because the watch holds. */
async function groupFor(
  { name, limits: episode, controlGroups }: BrowserProcessOptions,
  temporaryBytesMax: number,
): Promise<ControlGroup | null> {
  const groups = controlGroups === undefined ? await ownControlGroups() : controlGroups;
  // Files in memory are bounded by their file systems and count here.
  const sandbox = { ...episode, diskBytesMax: temporaryFolders * temporaryBytesMax };
  const overhead = {
    overheadBytes: limits.browserOverheadBytes,
    overheadProcesses: limits.browserOverheadThreads,
    endsTogether: true,
  };
  return (await groups?.make(name, sandbox, overhead).catch(() => null)) ?? null;
}

async function launch(
  { program, folder }: { program: string; folder: string },
  { limits: episode }: BrowserProcessOptions,
): Promise<Browser> {
  // Large, and of no use to agents whose worlds have no browser.
  const { chromium } = await import("playwright-core");
  try {
    return await chromium.launch({
      executablePath: program,
      // Playwright's own files: a folder that is found and removed also when this process is killed.
      artifactsDir: folder,
      chromiumSandbox: true,
      headless: true,
      // Addresses of this machine too: inside they would be the sandbox's own.
      proxy: { server: `http://127.0.0.1:${proxyPort}`, bypass: "<-loopback>" },
      args: [
        "--disable-gpu",
        "--disable-quic",
        // A page stands where it was scrolled to when the step ends, not on the way.
        "--disable-smooth-scrolling",
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        // Frames of other sites in the same process: one tree of the page instead of one per process, and less memory. What
        // separates sites matters to people with accounts on many; here all sites are the task's.
        "--disable-site-isolation-trials",
        `--js-flags=--max-old-space-size=${Math.max(64, Math.floor(episode.memoryBytesMax / 2 ** 21))}`,
      ],
      env: {},
      timeout: launchMsMax,
      handleSIGHUP: false,
      handleSIGINT: false,
      handleSIGTERM: false,
    });
  } catch (error) {
    throw new HindcastError({
      code: "SANDBOX_UNAVAILABLE",
      boundary: "sandbox",
      message: `the browser did not start: ${complaintOf(messageOf(error))}`,
      cause: error,
    });
  }
}

function reachable({ spec, miniWobFolder }: BrowserProcessOptions): {
  origins: string[];
  folders: Map<string, string>;
} {
  if (spec.start.kind === "miniwob") {
    return { origins: spec.sites, folders: new Map(miniWobFolder === null ? [] : [[miniWobOrigin, miniWobFolder]]) };
  }
  return { origins: [...spec.start.urls.map((url) => new URL(url).origin), ...spec.sites], folders: new Map() };
}

function contextOptions({ spec, storageState }: BrowserProcessOptions): Parameters<Browser["newContext"]>[0] {
  return {
    viewport: spec.viewport,
    screen: spec.viewport,
    deviceScaleFactor: 1,
    locale: spec.locale,
    timezoneId: spec.timezone,
    colorScheme: "light",
    reducedMotion: "reduce",
    acceptDownloads: false,
    ...(storageState !== null && { storageState }),
  };
}

/** What Chromium and bubblewrap wrote is the reason; Playwright's own log around it is not. */
function complaintOf(message: string): string {
  const said = message
    .split("\n")
    .filter((line) => /\[err\]|bwrap:|hindcast-guest:|setpriv:/.test(line))
    .map((line) => line.replace(/^.*\[err\] /, ""));
  return (said.length === 0 ? message : said.join(" ")).slice(0, 1_500);
}

async function closeSoon(browser: Browser): Promise<void> {
  const overdue = new Promise<void>((resolve) => setTimeout(resolve, closeMsMax).unref());
  // Playwright kills a browser that does not close by itself; waiting for that is not needed.
  await Promise.race([browser.close().catch(() => undefined), overdue]);
}
