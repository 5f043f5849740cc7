// Requirements: 6.4.vm
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { diskMark, mountDisk } from "./disks.ts";

const never = new AbortController().signal;
const hasMkfs = ["/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4"].some((path) => existsSync(path));

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hindcast-disks-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

it.skipIf(!hasMkfs)("a disk is made once for all who ask at the same time, and is another when made anew", async () => {
  const [source, folder] = [aFolder(), aFolder()];
  writeFileSync(join(source, "file"), "x");
  const ask = (): Promise<string> => mountDisk({ source, target: "/m" }, folder, never);
  const [one, two] = await Promise.all([ask(), ask()]);
  expect(one).toBe(two);
  const before = await diskMark(one);
  expect(await diskMark(await ask())).toBe(before);
  rmSync(one);
  expect(await diskMark(await ask())).not.toBe(before);
});
