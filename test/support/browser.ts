// Browsers and MiniWoB's pages for tests: found or fetched once, else the reason why tests that need them are skipped.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type BrowserSpec, EpisodeLimits } from "@hindcast/shared";
import { findChromium } from "../../rollout-agent/src/environment/browser/browser-sandbox.ts";
import { createBrowserProvider } from "../../rollout-agent/src/environment/browser/browser-provider.ts";
import type { EnvironmentProvider } from "../../rollout-agent/src/environment/environment.ts";
import { defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";

const run = promisify(execFile);
const version = "1.1.0";
const cache = process.env.HINDCAST_CACHE ?? join(homedir(), ".cache", "hindcast");

export const chromium: string | null = findChromium(process.env.HINDCAST_CHROMIUM_PATH ?? null);
/** What tests that need a browser are skipped with. */
export const noChromium: string | null = chromium === null ? "no Chromium: apt-get install chromium" : null;

export const browserLimits: EpisodeLimits = EpisodeLimits.parse({
  stepsMax: 20,
  tokensMax: 1_000_000,
  costUsdMax: null,
  wallTimeMs: 120_000,
  stepTimeMs: 30_000,
  observationBytesMax: 16_000,
  outputBytesMax: 2 ** 24,
  memoryBytesMax: 2 ** 29,
  diskBytesMax: 2 ** 26,
  processesMax: 256,
  formatErrorsMax: 3,
});

export function browserProvider(miniWobFolder: string | null = null): EnvironmentProvider {
  return createBrowserProvider({ chromiumPath: chromium, guestPath: defaultGuestPath, miniWobFolder });
}

export function aBrowserSpec(url: string, changed: Partial<BrowserSpec> = {}): BrowserSpec {
  return {
    kind: "browser",
    start: { kind: "pages", urls: [url] },
    sites: [],
    storageState: null,
    actions: "webarena",
    scope: "viewport",
    viewport: { width: 1280, height: 720 },
    locale: "en-US",
    timezone: "UTC",
    clock: null,
    observationTokensMax: 1_920,
    screenshots: "none",
    earlyStop: true,
    resume: "replay",
    ...changed,
  };
}

/** The html folder of the Python package, fetched through pip once for all clones. */
export async function miniWobFolder(): Promise<{ folder: string } | { reason: string }> {
  const home = join(cache, `miniwob-${version}`);
  const folder = join(home, "miniwob", "html");
  if (existsSync(folder)) return { folder };
  const fresh = `${home}-${process.pid}`;
  try {
    await mkdir(fresh, { recursive: true });
    await run("python3", ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", fresh, `miniwob==${version}`]);
    await run("python3", ["-m", "zipfile", "-e", join(fresh, `miniwob-${version}-py3-none-any.whl`), fresh]);
    await rename(fresh, home).catch(() => undefined);
    return { folder };
  } catch (error) {
    return { reason: `no MiniWoB pages: ${String(error).slice(0, 200)}` };
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
