// Requirements: 3.5.no-leaks
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { runAgentProgram } from "../../coordinator/src/cli/agent-program.ts";

const Event = z.discriminatedUnion("event", [
  z.strictObject({ event: z.literal("begun"), pid: z.int() }),
  z.strictObject({ event: z.literal("error"), code: z.string(), message: z.string() }),
]);
const never = new AbortController().signal;

describe("a program of the agent", () => {
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "hindcast-program-"))));
  afterAll(() => rm(folder, { recursive: true }));

  /** Says who it is and then does as it is written. @returns its process, and how it ended for whoever ran it */
  async function run(code: string, signal = never): Promise<{ pid: number; end: unknown }> {
    const file = join(folder, "program.ts");
    await writeFile(file, `console.log(JSON.stringify({ event: "begun", pid: process.pid }));\n${code}`);
    let pid = 0;
    const program = { purpose: "a test", file, request: {}, events: Event, env: {} };
    const onEvent = ({ pid: own }: { pid: number }): void => void (pid = own);
    const end = await runAgentProgram({ ...program, onEvent }, signal).catch((error: unknown) => error);
    return { pid, end };
  }

  it("that says what cannot be read is ended", async () => {
    const { pid, end } = await run(`console.log("Segmentation fault"); setInterval(() => undefined, 1_000);`);
    expect(end).toMatchObject({ code: "INTERNAL", message: expect.stringContaining("for a test said what cannot") });
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });

  it("ends with its own error, else with its last words", async () => {
    const error = { event: "error", code: "SANDBOX_UNAVAILABLE", message: "no bubblewrap" };
    const told = await run(`console.log(${JSON.stringify(JSON.stringify(error))}); process.exitCode = 1;`);
    expect(told.end).toMatchObject({ code: "SANDBOX_UNAVAILABLE", message: "no bubblewrap" });
    const broken = await run(`process.stderr.write("out of memory"); process.exitCode = 3;`);
    expect(broken.end).toMatchObject({ code: "INTERNAL", message: expect.stringContaining("code 3: out of memory") });
  });

  it("is ended by an abort, which is no error", async () => {
    const { pid, end } = await run(`setInterval(() => undefined, 1_000);`, AbortSignal.timeout(1_000));
    expect(end).toBeUndefined();
    if (pid !== 0) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });
});
