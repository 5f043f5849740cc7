// What Ctrl-C does to a build of an image: the tool as `hindcast image` starts it, with a scripted mmdebstrap.
// Requirements: 6.1.interrupted
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { aFolder } from "../support/hindcast.ts";

const tool = new URL("../../rollout-agent/src/image-tool.ts", import.meta.url).pathname;

interface Build {
  process: ChildProcess;
  ended: Promise<{ code: number | null; said: string }>;
  /** Of the step and what it started, once it runs. */
  step: () => Promise<number[]>;
}

/** @param step what mmdebstrap does; `$1` is the folder of the image. */
function build(folder: string, step: string): Build {
  const program = join(folder, "mmdebstrap");
  const pids = join(folder, "pids");
  writeFileSync(program, `#!/bin/sh\neval root=\\"\\\${$#}\\"\n${step.replaceAll("PIDS", pids)}\n`);
  chmodSync(program, 0o755);
  writeFileSync(join(folder, "recipe.json"), JSON.stringify({ name: "scripted", suite: "bookworm" }));
  const env = { PATH: `${folder}:${process.env["PATH"]}`, HINDCAST_SANDBOX_IMAGE_FOLDER: join(folder, "images") };
  const child = spawn(process.execPath, ["--conditions=source", tool, "build", join(folder, "recipe.json")], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, said }));
  const found = (): number[] => (existsSync(pids) ? readFileSync(pids, "utf8").trim().split(/\s+/).map(Number) : []);
  return {
    process: child,
    ended,
    step: async () => {
      await expect.poll(() => found().length, { timeout: 45_000, interval: 20 }).toBe(2);
      return found();
    },
  };
}

const isRunning = (pid: number): boolean => existsSync(`/proc/${pid}/stat`) && !isDefunct(pid);
const isDefunct = (pid: number): boolean => / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
const left = (folder: string): string[] => readdirSync(join(folder, "images"));

it("waits at the first for the step to end and removes what is unfinished, however often a keystroke comes", async () => {
  using folder = aFolder();
  const ends = `trap 'sleep 0.6; echo done > ${folder.path}/ended; kill $!; exit 3' TERM`;
  const started = build(folder.path, `${ends}\nsleep 600 & echo $$ $! > PIDS\necho half > "$root/half"\nwait`);
  const pids = await started.step();
  started.process.kill("SIGINT");
  started.process.kill("SIGINT");
  expect(await started.ended).toEqual({ code: 1, said: "interrupted\n" });
  expect(existsSync(join(folder.path, "ended"))).toBe(true);
  expect(pids.filter(isRunning)).toEqual([]);
  expect(left(folder.path)).toEqual([]);
}, 120_000);

it("ends all at once at the second, and the next build begins over what that leaves", async () => {
  using folder = aFolder();
  const started = build(
    folder.path,
    `trap '' TERM\nsleep 600 & echo $$ $! > PIDS\necho half > "$root/half"\nwait; wait`,
  );
  const pids = await started.step();
  started.process.kill("SIGINT");
  await delay(700);
  expect(started.process.exitCode).toBeNull();
  expect(pids.filter(isRunning)).toEqual(pids);
  started.process.kill("SIGINT");
  expect(await started.ended).toEqual({ code: 130, said: "" });
  await expect.poll(() => pids.filter(isRunning)).toEqual([]);
  expect(left(folder.path).some((name) => name.endsWith(".draft"))).toBe(true);

  const again = build(folder.path, `test ! -e "$root/half" && mkdir -p "$root/etc"`);
  expect(await again.ended).toMatchObject({ code: 0 });
  expect(left(folder.path)).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
}, 120_000);
