// Requirements: 6.1.images
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { pathInRoot } from "./path-in-root.ts";

function aRoot(): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "hindcast-root-")));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const name of ["run", "var", "etc"]) mkdirSync(join(root, name));
  symlinkSync("/run", join(root, "var", "run"));
  symlinkSync("../../../../../run/resolv.conf", join(root, "etc", "resolv.conf"));
  symlinkSync("two", join(root, "one"));
  symlinkSync("/one", join(root, "two"));
  return root;
}

it.each([
  ["/var/run/x/y", "run/x/y"],
  ["/etc/resolv.conf", "run/resolv.conf"],
  ["/usr/local/bin/npm", "usr/local/bin/npm"],
  ["/", ""],
])("%s lies within the image", async (path, expected) => {
  const root = aRoot();
  expect(await pathInRoot(root, path)).toBe(join(root, expected));
});

it("refuses links in a circle", async () => {
  await expect(pathInRoot(aRoot(), "/one/file")).rejects.toThrow("/one/file cannot be written into the image");
});
