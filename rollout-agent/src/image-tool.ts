// Run by `hindcast image`: builds, lists and evicts the images of sandboxes. Answers with one JSON object; progress goes
// to the error stream.
import { HindcastError, messageOf } from "@hindcast/shared";
import { readConfig } from "@hindcast/shared/node";
import { defaultRecipe, imageFolder, imagesOfMachine, readRecipe } from "./image/images-of-machine.ts";
import { defaultGuestPath } from "./sandbox/bubblewrap.ts";
import { sandboxSettings } from "./sandbox/create-sandboxes.ts";
import { fetchKernel, findKernel } from "./sandbox/machine/machine-kernel.ts";

const settings = readConfig(sandboxSettings);
const log = { info: (_fields: object, message: string): void => void process.stderr.write(`${message}\n`) };
const images = imagesOfMachine(settings, { guestPath: settings.guestPath ?? defaultGuestPath, log });
const interruption = new AbortController();
process.once("SIGINT", () => interruption.abort(new Error("interrupted")));
const { signal } = interruption;

async function answer(verb: string | undefined, path: string | undefined): Promise<object> {
  switch (verb) {
    case "build": {
      const recipePath = path ?? settings.sandboxRecipe;
      const recipe = recipePath === null ? defaultRecipe : await readRecipe(recipePath);
      await using held = await images.acquire(recipe, signal);
      return { name: recipe.name, hash: held.ref.hash, path: held.ref.path };
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
  process.stdout.write(`${JSON.stringify(await answer(...(process.argv.slice(2, 4) as [string?, string?])))}\n`);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
