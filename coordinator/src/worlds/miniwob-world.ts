// MiniWoB's pages as a world: each page with each seed is a scene that states its own goal, and the page itself rewards.
// Some pages are held back whole (document-disjoint), the others with seeds that nobody learns from (instance-disjoint).
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { BrowserSpec, type HeldOutScene, HindcastError, type Scene } from "@hindcast/shared";
import { seededRandom } from "../sampling.ts";
import { heldBack, type WorldPlaces, type WorldSource } from "./world-source.ts";

const guides = resolve(import.meta.dirname, "../../worlds/miniwob");
/** Where held-out seeds begin; learning never comes that far. */
const heldOutSeeds = 1_000_000;
const instruction = "Reach the goal that the page states in its first line.";

export interface MiniWobOptions {
  tasks: readonly string[];
  /** Of each page. */
  seeds: number;
  heldOutPercent: number;
  seed: number;
}

/** @throws CONFIG_INVALID where a page is missing, before anything is spent */
export function miniWobWorld(
  options: MiniWobOptions,
  places: Pick<WorldPlaces, "miniWobFolder" | "isLocal">,
): WorldSource {
  const { tasks, seeds, heldOutPercent, seed } = options;
  checkPages(tasks, places);
  const shuffled = seededRandom("miniwob", seed).shuffle(tasks);
  const unseen = new Set(shuffled.slice(0, heldBack(tasks.length, heldOutPercent)));
  const learned = tasks.filter((task) => !unseen.has(task));
  const each = (pages: readonly string[], from: number): Scene[] =>
    pages.flatMap((task) => Array.from({ length: seeds }, (_, n) => sceneOf(task, from + n)));
  const heldOut = (pages: readonly string[], kind: HeldOutScene["kind"]): HeldOutScene[] =>
    each(pages, heldOutSeeds).map((scene) => ({
      ...scene,
      kind,
      instruction,
      asksForAnswer: false,
      reference: { kind: "world-reward" },
    }));
  return {
    world: {
      v: 1,
      starts: each(learned, 0),
      heldOut: [...heldOut(learned, "instance-disjoint"), ...heldOut([...unseen], "document-disjoint")],
    },
    documents: learned
      .map((task) => join(guides, `${task}.md`))
      .filter((path) => existsSync(path))
      .map((path) => ({ kind: "path", path })),
  };
}

function sceneOf(task: string, seed: number): Scene {
  return {
    id: `${task}#${seed}`,
    benchmark: "miniwob",
    application: task,
    environment: BrowserSpec.parse({ kind: "browser", start: { kind: "miniwob", task, seed }, screenshots: "none" }),
    description: `The page "${task.replaceAll("-", " ")}" of MiniWoB, variation ${seed}.`,
    statesGoal: true,
  };
}

function checkPages(
  tasks: readonly string[],
  { miniWobFolder: folder, isLocal }: Pick<WorldPlaces, "miniWobFolder" | "isLocal">,
): void {
  if (folder === null && !isLocal) return;
  if (folder === null) {
    throw new HindcastError({
      code: "CONFIG_INVALID",
      boundary: "config",
      message:
        "MiniWoB's pages are not configured; get them with \"pip download miniwob==1.1.0 --no-deps && unzip miniwob-*.whl 'miniwob/html/*'\" and set HINDCAST_MINIWOB_FOLDER to that miniwob/html",
    });
  }
  const missing = tasks.filter((task) => !existsSync(join(folder, "miniwob", `${task}.html`)));
  if (missing.length === 0) return;
  throw new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message: existsSync(join(folder, "miniwob"))
      ? `campaign.world.miniWobTasks names ${missing.join(", ")}, which ${join(folder, "miniwob")} has no page of; correct the names`
      : `HINDCAST_MINIWOB_FOLDER is ${folder}, which holds no MiniWoB pages; get them with "pip download miniwob==1.1.0 --no-deps" and name the html folder in it`,
  });
}
