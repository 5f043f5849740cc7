// Requirements: 5.9.bounded
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const run = promisify(execFile);
const program = new URL("../support/export-many.ts", import.meta.url).pathname;
const heapMiB = 64;

it("an export of more than fits into memory is written within a heap of 64 MiB", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hindcast-export-"));
  try {
    const [episodes, perEpisode, steps, observationBytes] = [70, 10, 4, 26_000];
    const { stdout } = await run(process.execPath, [
      `--max-old-space-size=${heapMiB}`,
      "--conditions=source",
      program,
      join(folder, "data"),
      ...[episodes, perEpisode, steps, observationBytes].map(String),
    ]);
    const told = JSON.parse(stdout) as { demonstrations: number; bytes: number };
    expect(told).toMatchObject({ demonstrations: episodes * perEpisode });
    // All observations together, as text alone, are more than the heap.
    expect(episodes * perEpisode * steps * observationBytes).toBeGreaterThan(heapMiB * 1024 * 1024);
    expect(told.bytes).toBeGreaterThan(episodes * perEpisode * steps * observationBytes);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 240_000);
