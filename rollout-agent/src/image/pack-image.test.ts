// Requirements: 6.1.images
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { packImage } from "./pack-image.ts";

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "hindcast-pack-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

it("leaves nothing of an image whose packing was interrupted", async () => {
  const folder = await aFolder();
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error("interrupted")), 100);
  const image = { root: "/usr", guestPath: process.execPath, reference: "a:b", output: join(folder, "image.tar") };
  await expect(packImage(image, stop.signal)).rejects.toThrow("abort");
  expect(await readdir(folder)).toEqual([]);
});
