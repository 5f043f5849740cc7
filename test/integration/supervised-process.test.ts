// Requirements: 3.start
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const source = new URL("../../coordinator/src/local/supervised-process.ts", import.meta.url).href;
/** A process that waits to be ready is given up after a minute; what has died is not waited for. */
const promptMs = 30_000;

it("keeps nobody waiting for a process that died before it was ready", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hindcast-supervised-"));
  const spec = {
    name: "it",
    part: "agents",
    command: ["-e", "process.exit(3)"],
    env: {},
    logPath: join(folder, "log"),
  };
  const script = `
    import { SupervisedProcess } from ${JSON.stringify(source)};
    const watcher = { onRestart: () => undefined, onChange: () => undefined };
    const starting = new SupervisedProcess(${JSON.stringify(spec)}, watcher).start(new AbortController().signal);
    console.log(await starting.catch((error) => error.message));`;
  const args = ["--conditions=source", "--input-type=module", "-e", script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: promptMs });
  expect(stdout).toContain("it did not start (exit code 3)");
  await rm(folder, { recursive: true });
});
