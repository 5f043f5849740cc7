// A program in a container is the first process of its namespace: what it hears while its modules are still being read.
// Requirements: 7.3.signals
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { aFolder } from "../support/hindcast.ts";

const images = fileURLToPath(new URL("../../deploy/images/", import.meta.url));
const early = join(images, "early-signals.cjs");
const stillRunningMs = 1_500;

const canOpen = ((): boolean => {
  try {
    execFileSync("bwrap", ["--unshare-pid", "--as-pid-1", "--dev-bind", "/", "/", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

/** A program that says when it reads its modules, which takes until it is told, and listens then. */
const program = `
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
writeFileSync("reading", "");
while (!existsSync("listen")) await pause(20);
process.on("SIGTERM", () => { writeFileSync("heard", ""); setTimeout(() => process.exit(7), 200); });
writeFileSync("listening", "");
setInterval(() => undefined, 1_000);
`;

interface First extends Disposable {
  ended: Promise<number | null>;
  terminate: () => void;
}

function firstProcess(folder: string, flags: string[]): First {
  writeFileSync(join(folder, "program.mjs"), program);
  const node = [process.execPath, ...flags, join(folder, "program.mjs")];
  const args = ["--unshare-pid", "--as-pid-1", "--die-with-parent", "--dev-bind", "/", "/", "--chdir", folder, ...node];
  const child = spawn("bwrap", args, { stdio: "inherit" });
  return {
    ended: new Promise((resolve) => void child.once("exit", (code) => resolve(code))),
    // bubblewrap's only child is the first process.
    terminate: () => void process.kill(onlyChildOf(child), "SIGTERM"),
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}

function onlyChildOf({ pid }: ChildProcess): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());
}

const file = async (folder: string, name: string): Promise<void> => {
  await expect.poll(() => readFileSync(join(folder, name), { flag: "r" }) && true, { timeout: 20_000 }).toBe(true);
};

const inFlight = Symbol("in flight");
const within = (ended: Promise<number | null>): Promise<number | null | typeof inFlight> =>
  Promise.race([ended, pause(stillRunningMs, inFlight)]);

it.skipIf(!canOpen)(
  "with bubblewrap, hears nothing without what the images load first, and ends at once with it",
  async () => {
    using folder = aFolder();
    {
      using deaf = firstProcess(folder.path, []);
      await file(folder.path, "reading");
      deaf.terminate();
      expect(await within(deaf.ended)).toBe(inFlight);
    }
    using other = aFolder();
    using hearing = firstProcess(other.path, ["--require", early]);
    await file(other.path, "reading");
    hearing.terminate();
    expect(await hearing.ended).toBe(143);
  },
);

it.skipIf(!canOpen)("with bubblewrap, is left alone once the program listens itself", async () => {
  using folder = aFolder();
  using first = firstProcess(folder.path, ["--require", early]);
  writeFileSync(join(folder.path, "listen"), "");
  await file(folder.path, "listening");
  first.terminate();
  expect(await first.ended).toBe(7);
  await file(folder.path, "heard");
});

it.each(["coordinator", "rollout-agent", "index-core"])("is what the image of the %s loads", (name) => {
  const image = readFileSync(join(images, `${name}.Dockerfile`), "utf8");
  expect(image).toContain('ENTRYPOINT ["/app/node", "--require", "/app/early-signals.cjs"]');
});
