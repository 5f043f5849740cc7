// Run by `hindcast image`: builds, packs, lists and evicts the images of sandboxes. Answers with one JSON object; progress goes
// to the error stream.
import { resolve } from "node:path";
import { HindcastError, messageOf } from "@hindcast/shared";
import { readConfig } from "@hindcast/shared/node";
import { defaultRecipe, imageFolder, imagesOfMachine, readRecipe } from "./image/images-of-machine.ts";
import type { ImageRecipe } from "./image/recipe.ts";
import { packImage } from "./image/pack-image.ts";
import { podImage } from "./sandbox/kubernetes/pod-image.ts";
import { defaultGuestPath } from "./sandbox/bubblewrap.ts";
import { sandboxSettings } from "./sandbox/create-sandboxes.ts";
import { fetchKernel, findKernel } from "./sandbox/machine/machine-kernel.ts";

const settings = readConfig(sandboxSettings);
const log = { info: (_fields: object, message: string): void => void process.stderr.write(`${message}\n`) };
const guestPath = settings.guestPath ?? defaultGuestPath;
const images = imagesOfMachine(settings, { guestPath, log });
const interruption = new AbortController();
const { signal } = interruption;
/** A terminal's Ctrl-C comes here by itself, and again from whoever started this: the same keystroke. */
const sameKeystrokeMs = 400;
let interruptedAt: number | null = null;
/** The first ends the step that runs and removes what is unfinished; a second one ends all at once. */
process.on("SIGINT", () => {
  const now = performance.now();
  interruptedAt ??= now;
  interruption.abort(new Error("interrupted"));
  // The next build of the image removes what this one leaves.
  if (now - interruptedAt > sameKeystrokeMs) process.exit(130);
});

async function recipeAt(path: string | undefined): Promise<ImageRecipe> {
  const recipePath = path ?? settings.sandboxRecipe;
  return recipePath === null ? defaultRecipe : await readRecipe(recipePath);
}

async function answer(verb: string | undefined, path?: string, more?: string): Promise<object> {
  switch (verb) {
    case "build": {
      const recipe = await recipeAt(path);
      await using held = await images.acquire(recipe, signal);
      return { name: recipe.name, hash: held.ref.hash, path: held.ref.path };
    }
    case "pack": {
      const recipe = await recipeAt(more);
      await using held = await images.acquire(recipe, signal);
      const { path: root, hash } = held.ref;
      const reference = await podImage(settings.sandboxRepository, hash, guestPath);
      const output = resolve(path ?? "image.tar");
      await packImage({ root, guestPath, reference, output }, signal);
      return { name: recipe.name, reference, output };
    }
    case "list":
      return { images: await images.list() };
    case "evict":
      return { evicted: await images.evict(signal) };
    case "kernel": {
      const folder = imageFolder(settings);
      if ((await findKernel(folder)) === null) await fetchKernel(folder, signal);
      return { kernel: await findKernel(folder) };
    }
    default:
      throw new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message: `there is no verb "${verb}"` });
  }
}

try {
  process.stdout.write(
    `${JSON.stringify(await answer(...(process.argv.slice(2, 5) as [string?, string?, string?])))}\n`,
  );
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
