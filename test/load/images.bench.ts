// Recipes of images against the real registries: Debian's packages, pip, npm, files and commands end up in the image; it
// is built once; its sandboxes have no network; what fails says in which step; and the budget takes away what nobody uses.
// Minutes, and hundreds of megabytes from the network, so it is no test of every run.
//
//   npm run bench -- images [--json]
//
// Exits with 1 where something is not so. A registry that cannot be reached is named and its part left out.
import assert from "node:assert/strict";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HindcastError, messageOf } from "@hindcast/shared";
import { builderProblems, buildRoot } from "../../rollout-agent/src/image/build-root.ts";
import { ImageCache } from "../../rollout-agent/src/image/image-cache.ts";
import { ImageRecipe } from "../../rollout-agent/src/image/recipe.ts";
import { createBubblewrap, defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import type { ImageRef } from "../../rollout-agent/src/sandbox/sandbox.ts";
import { textTable } from "./page-table.ts";

const never = new AbortController().signal;
const searchPath = process.env["PATH"] ?? "";
const limits = { memoryBytesMax: 2 ** 29, diskBytesMax: 2 ** 26, processesMax: 64 };
const log = { debug: (): void => {}, info: (): void => {} };
const registries = {
  debian: "https://deb.debian.org/debian/dists/bookworm/Release",
  pip: "https://pypi.org/simple/six/",
  npm: "https://registry.npmjs.org/is-odd",
};
const rows: string[][] = [["what", "s", "MiB"]];

const folder = await mkdtemp(join(tmpdir(), "hindcast-recipes-"));
try {
  await chmod(folder, 0o755);
  const missing = [...builderProblems({ searchPath }), ...(await unreachable("debian"))];
  if (missing.length > 0) console.log(`skipped: ${missing.join(" ")}`);
  else await everything();
} catch (error) {
  console.error(`error: ${messageOf(error)}`);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
if (process.argv.includes("--json")) console.log(JSON.stringify({ benchmark: "images", rows: rows.slice(1) }));
else console.log(textTable(rows));

async function everything(): Promise<void> {
  const first = ImageRecipe.parse({
    name: "from-pip",
    suite: "bookworm",
    packages: ["ca-certificates", "python3-pip"],
    pip: ["six==1.17.0"],
    files: [{ path: "/opt/said/words", content: "from a file\n", mode: 0o640 }],
    run: ["echo 'from a command' > /opt/said/more", "python3 -c 'import six; print(six.__version__)' > /opt/said/six"],
  });
  await built(first, "apt, pip, files, run", {
    "python3 -c 'import six; print(six.__version__)'": "1.17.0\n",
    "cat /opt/said/more /opt/said/six; stat -c %a /opt/said/words": "from a command\n1.17.0\n640\n",
    "dpkg-query -W -f '${Status}\\n' python3-pip": "install ok installed\n",
  });
  const noNpm = await unreachable("npm");
  if (noNpm.length > 0) console.log(`skipped: ${noNpm.join(" ")}`);
  const second = ImageRecipe.parse({
    name: "from-npm",
    suite: "bookworm",
    packages: ["ca-certificates", "npm"],
    npm: ["is-odd@3.0.1"],
  });
  const require = "node -e 'console.log(require(\"/usr/local/lib/node_modules/is-odd\")(3))'";
  if (noNpm.length === 0) await built(second, "apt, npm", { [require]: "true\n" });
  await failures();
  await budget(first, noNpm.length === 0 ? second : null);
}

function cache(bytesMax = 2 ** 40): ImageCache {
  const build = (recipe: ImageRecipe, root: string, signal: AbortSignal): Promise<void> =>
    buildRoot(recipe, root, { guestPath: defaultGuestPath, searchPath }, signal);
  return new ImageCache({ folder, bytesMax, build, log });
}

/** Builds it once, finds it the second time, and asks inside for what the recipe says. */
async function built(recipe: ImageRecipe, what: string, answers: Record<string, string>): Promise<void> {
  const startedAt = performance.now();
  await using image = await cache().acquire(recipe, never);
  const seconds = (performance.now() - startedAt) / 1_000;
  const againAt = performance.now();
  await using again = await cache().acquire(recipe, never);
  const againSeconds = (performance.now() - againAt) / 1_000;
  assert.equal(again.ref.path, image.ref.path);
  assert.ok(againSeconds < seconds / 5, `found again only after ${againSeconds} s, built in ${seconds} s`);
  const bytes = (await cache().list()).find(({ hash }) => hash === image.ref.hash)?.bytes ?? 0;
  rows.push([`${what}: built`, seconds.toFixed(1), (bytes / 2 ** 20).toFixed(0)]);
  rows.push([`${what}: found`, againSeconds.toFixed(1), ""]);
  for (const [script, expected] of Object.entries(answers)) assert.equal(await inside(image.ref, script), expected);
  assert.match(await inside(image.ref, "exec 3<>/dev/tcp/1.1.1.1/53"), /Network is unreachable/);
  const online = "python3 -m pip install six==1.16.0 2>&1 || npm install is-even 2>&1 || true";
  assert.doesNotMatch(await inside(image.ref, online), /Successfully installed|added \d+ package/);
}

async function inside(image: ImageRef, script: string): Promise<string> {
  const sandboxes = createBubblewrap({ guestPath: defaultGuestPath, image, log });
  await using sandbox = await sandboxes.open({ id: `recipe-${process.pid}`, limits }, never);
  const command = { script, timeoutMs: 60_000, outputBytesMax: 10_000, outputBytesKill: 1_000_000 };
  return Buffer.from((await sandbox.exec(command, never)).output).toString("utf8");
}

/** Each names its step and quotes what failed, and leaves nothing. */
async function failures(): Promise<void> {
  const before = (await cache().list()).length;
  const failing: [part: object, says: RegExp][] = [
    [{ packages: ["hindcast-no-such-package"] }, /^image failing, installing Debian's packages: [^]*no-such-package/],
    [{ pip: ["six"] }, /^image failing, pip: [^]*python3/],
    [{ run: ["true", "echo to be quoted >&2; exit 3"] }, /^image failing, running "echo to be quoted[^]*to be quoted/],
  ];
  for (const [part, says] of failing) {
    const startedAt = performance.now();
    const recipe = ImageRecipe.parse({ name: "failing", suite: "bookworm", ...part });
    await assert.rejects(cache().acquire(recipe, never), (error) => {
      assert.ok(error instanceof HindcastError);
      assert.equal(error.code, "ENVIRONMENT_SETUP_FAILED");
      assert.match(error.message, says);
      return true;
    });
    rows.push([`refused: ${JSON.stringify(part).slice(0, 60)}`, secondsSince(startedAt), ""]);
  }
  assert.equal((await cache().list()).length, before);
}

/** Far above its budget, the cache keeps what is used and lets the other go. */
async function budget(kept: ImageRecipe, other: ImageRecipe | null): Promise<void> {
  await using held = await cache(1).acquire(kept, never);
  const names = (await cache().list()).map(({ name }) => name);
  assert.deepEqual(names, [kept.name]);
  assert.equal(await inside(held.ref, "cat /opt/said/more"), "from a command\n");
  if (other !== null) assert.equal(await cache().has(other), false);
}

function secondsSince(since: number): string {
  return ((performance.now() - since) / 1_000).toFixed(1);
}

async function unreachable(name: keyof typeof registries): Promise<string[]> {
  try {
    const { ok, status } = await fetch(registries[name], { signal: AbortSignal.timeout(20_000) });
    return ok ? [] : [`${registries[name]} answers ${status}.`];
  } catch (error) {
    return [`${registries[name]} cannot be reached: ${messageOf(error)}.`];
  }
}
