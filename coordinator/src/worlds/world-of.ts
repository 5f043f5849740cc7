// The configured world as scenes and documents, checked before anything is spent.
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type CampaignWorld, HindcastError, messageOf } from "@hindcast/shared";
import type { ProcessEnvironment } from "@hindcast/shared/node";
import { z } from "zod";
import type { HindcastConfig } from "../config/schema.ts";
import { miniWobWorld } from "./miniwob-world.ts";
import { plugInWorld } from "./plug-in-world.ts";
import { Site, siteWorld } from "./site-world.ts";
import { sweBenchWorld } from "./swe-bench-world.ts";
import type { WorldPlaces, WorldSource } from "./world-source.ts";

/** Where Debian and Google put theirs, as agents look for them. */
const browsers = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
];

type Campaign = Pick<HindcastConfig["campaign"], "environment" | "world" | "seed">;

/** Null for the shell. @throws CONFIG_INVALID, DOCUMENTS_UNREADABLE saying what is missing and how to get it */
export async function worldOf(campaign: Campaign, places: WorldPlaces): Promise<WorldSource | null> {
  const source = await sourceOf(campaign, places);
  if (source !== null) assertDistinct(source.world);
  return source;
}

async function sourceOf({ environment, world, seed }: Campaign, places: WorldPlaces): Promise<WorldSource | null> {
  const { heldOutPercent, seeds } = world;
  switch (environment) {
    case "shell":
      return null;
    case "browser":
      if (places.isLocal && !places.hasChromium) throw noChromium();
      if (world.miniWobTasks.length > 0) {
        return miniWobWorld({ tasks: world.miniWobTasks, seeds, heldOutPercent, seed }, places);
      }
      return siteWorld([
        ...(world.sitesFile === null ? [] : readSites(world.sitesFile)),
        ...world.startUrls.map((url) => Site.parse({ name: new URL(url).host, urls: [url] })),
      ]);
    case "swe-bench":
      return await sweBenchWorld({ instances: resolve(world.instances ?? ""), heldOutPercent, seed }, places);
    case "plug-in":
      return plugInWorld({ name: world.plugIn ?? "", seeds }, places);
  }
}

/** Places are found, and episodes named, by these ids: of two alike the second would never be opened. */
function assertDistinct({ starts, heldOut }: CampaignWorld): void {
  for (const scenes of [starts, heldOut]) {
    const seen = new Set<string>();
    for (const { id } of scenes) {
      if (seen.has(id)) throw twice(id);
      seen.add(id);
    }
  }
}

function twice(id: string): HindcastError {
  const message = `campaign.world has two places or tasks called ${id}; give one start address for each host, or names of their own in sitesFile`;
  return new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
}

function noChromium(): HindcastError {
  const message = "no Chromium is found for browser worlds; install the package chromium or set HINDCAST_CHROMIUM_PATH";
  return new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
}

function readSites(file: string): Site[] {
  try {
    return z
      .array(Site)
      .min(1)
      .parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    const message = `campaign.world.sitesFile ${file} cannot be used: ${messageOf(error)}`;
    throw new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
  }
}

/** What this machine's surroundings hold.
 * @param isLocal whether agents are started from here, with these very surroundings
 */
export function placesOf(env: ProcessEnvironment, isLocal: boolean): WorldPlaces {
  const given = (name: string): string | null => (env[name] === undefined || env[name] === "" ? null : env[name]);
  const worlds = given("HINDCAST_WORLDS_FILE");
  return {
    isLocal,
    hasChromium: [given("HINDCAST_CHROMIUM_PATH") ?? "", ...browsers].some((path) => existsSync(path)),
    miniWobFolder: given("HINDCAST_MINIWOB_FOLDER"),
    hasSweBenchCache: given("HINDCAST_SWE_BENCH_CACHE") !== null,
    repositories: (given("HINDCAST_SWE_BENCH_REPOSITORIES") ?? "").split(",").filter((place) => place !== ""),
    plugIns: worlds === null || !existsSync(worlds) ? null : namesIn(worlds),
  };
}

/** Null for a file that cannot be read: the agents that use it say what is wrong with it. */
function namesIn(file: string): string[] | null {
  try {
    const content: unknown = JSON.parse(readFileSync(file, "utf8"));
    const worlds = z.looseObject({ worlds: z.record(z.string(), z.unknown()) }).safeParse(content);
    return worlds.success ? Object.keys(worlds.data.worlds) : null;
  } catch {
    return null;
  }
}
