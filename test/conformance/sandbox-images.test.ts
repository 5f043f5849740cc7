// Copies of images in a real daemon, under the budget of the cache that they were made from.
// Requirements: 6.1.copies
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, inject, it } from "vitest";
import { ImageCache } from "../../rollout-agent/src/image/image-cache.ts";
import { ImageRecipe, recipeHash } from "../../rollout-agent/src/image/recipe.ts";
import { defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { createContainers } from "../../rollout-agent/src/sandbox/container/container-driver.ts";
import { importImage, listCopies } from "../../rollout-agent/src/sandbox/container/container-images.ts";
import { DockerEngine } from "../../rollout-agent/src/sandbox/container/docker-engine.ts";
import type { ImageRef } from "../../rollout-agent/src/sandbox/sandbox.ts";
import { describeSandbox, never } from "./sandbox-fixture.ts";

const MiB = 2 ** 20;
const given = inject("sandboxes");
const log = { info: (): void => undefined, debug: (): void => undefined };
const recipe = (name: string): ImageRecipe => ImageRecipe.parse({ name, suite: "bookworm" });

describeSandbox("copies of images", () => {
  it("count, go with what was used longest ago, and stay while a process or a container has them", async () => {
    const { socketPath } = given;
    const engine = new DockerEngine(socketPath);
    const folder = await mkdtemp(join(given.folder, "copies-"));
    const build = async ({ name }: ImageRecipe, root: string): Promise<void> => {
      // Of one a sandbox is opened; links take no time.
      if (name === "held") execFileSync("cp", ["-al", `${given.image.path}/.`, root]);
      else await writeFile(join(root, "content"), Buffer.alloc(4 * MiB, 1));
    };
    const cache = (bytesMax: number): ImageCache =>
      new ImageCache({ folder, bytesMax, build, copies: () => listCopies(engine, folder), log });
    const roomy = cache(2 ** 40);
    const names = async (): Promise<string[]> => (await roomy.list()).map(({ name }) => name).toSorted();
    const isInDaemon = async ({ hash }: { hash: string }): Promise<boolean> => {
      const path = `/images/hindcast-image:${hash.slice(0, 32)}/json`;
      return (await engine.call("GET", path, { allowed: [404] })).status === 200;
    };
    const imported = async (name: string): Promise<ImageRef & { kind: "root" }> => {
      await using held = await roomy.acquire(recipe(name), never);
      await importImage(engine, held.ref, { folder, signal: never });
      return held.ref;
    };
    const container = `hindcast-copies-${process.pid}`;
    try {
      await using held = await roomy.acquire(recipe("held"), never);
      // What the driver imports is counted at once.
      let evictions = 0;
      const onImported = async (): Promise<void> => {
        evictions += 1;
        await cache(MiB).evict(never);
      };
      const driver = { socketPath, guestPath: defaultGuestPath, image: held.ref, imageFolder: folder, onImported, log };
      const limits = { memoryBytesMax: 128 * MiB, diskBytesMax: 8 * MiB, processesMax: 16 };
      const sandbox = await createContainers(driver).open({ id: `ep-copies-${process.pid}`, limits }, never);
      await sandbox.close();
      expect([evictions, await isInDaemon(held.ref)]).toEqual([1, true]);

      const [run, idle, lost] = [await imported("run"), await imported("idle"), await imported("lost")];
      const foreign = await imported("foreign");
      await engine.call("POST", `/images/hindcast-image:${foreign.hash.slice(0, 32)}/tag?repo=elsewhere&tag=kept`);
      const body = { Image: `hindcast-image:${run.hash.slice(0, 32)}`, Cmd: ["/bin/true"] };
      await engine.call("POST", `/containers/create?name=${container}`, { body });
      const before = (await roomy.list()).find(({ name }) => name === "idle")?.bytes ?? 0;
      expect(before).toBeGreaterThan(8 * MiB);
      // Its folder was removed by hand: its copy is of nothing.
      await rm(dirname(lost.path), { recursive: true });

      const gone = await cache(MiB).evict(never);
      expect(gone.toSorted()).toEqual([recipe("idle"), recipe("foreign")].map(recipeHash).toSorted());
      expect(await names()).toEqual(["held", "run"]);
      expect(existsSync(run.path)).toBe(true);
      expect(await Promise.all([held.ref, run, idle, lost, foreign].map(isInDaemon))).toEqual([
        true,
        true,
        false,
        false,
        false,
      ]);
      // Under another name it is somebody else's.
      expect((await engine.call("GET", "/images/elsewhere:kept/json", { allowed: [404] })).status).toBe(200);
      await engine.call("DELETE", `/containers/${container}`);
      expect(await cache(MiB).evict(never)).toEqual([run.hash]);
      expect(await isInDaemon(run)).toBe(false);
    } finally {
      await engine.call("DELETE", `/containers/${container}?force=true`, { allowed: [404] });
      await engine.call("DELETE", "/images/elsewhere:kept", { allowed: [404] });
      await rm(folder, { recursive: true, force: true });
      // Without its folder every copy is of nothing.
      await Promise.all((await listCopies(engine, folder)).map(({ remove }) => remove()));
    }
  });
});
