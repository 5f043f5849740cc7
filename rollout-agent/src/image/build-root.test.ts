// Requirements: 7.10.guide
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { buildRoot } from "./build-root.ts";
import { ImageRecipe } from "./recipe.ts";

it("says before it installs anything that a recipe's own steps need bubblewrap", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hindcast-build-root-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "mmdebstrap"), '#!/bin/sh\ntouch "$(dirname "$0")/installed"\n', { mode: 0o755 });
  const options = { guestPath: "/bin/true", searchPath: folder };
  for (const part of [{ pip: ["six"] }, { npm: ["left-pad"] }, { run: ["true"] }]) {
    const recipe = ImageRecipe.parse({ name: "tools", suite: "bookworm", ...part });
    const built = buildRoot(recipe, join(folder, "root"), options, new AbortController().signal);
    await expect(built).rejects.toThrow(/image tools: .*bwrap is missing: install bubblewrap/);
  }
  expect(readdirSync(folder)).toEqual(["mmdebstrap"]);
});
