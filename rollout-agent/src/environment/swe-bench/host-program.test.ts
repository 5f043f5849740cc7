// Requirements: 6.9.cache
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { causeAndLastLines, mustRun, runProgram } from "./host-program.ts";

const never = new AbortController().signal;

function processesAs(commandLine: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim() === commandLine;
      } catch {
        return false;
      }
    });
}

describe("a program of the host", () => {
  it("has our environment and what it is given, and no key of ours: strangers' build scripts run below it", async () => {
    const ours = { ANTHROPIC_API_KEY: "a", GEMINI_API_KEY_FILE: "/keys/g", OPENAI_API_KEY: "o", HINDCAST_TEST: "t" };
    for (const [name, value] of Object.entries(ours)) vi.stubEnv(name, value);
    onTestFinished(() => void vi.unstubAllEnvs());
    const printed = await mustRun(["env"], { timeoutMs: 10_000, environment: { GIVEN: "yes" } }, never);
    const names = printed.split("\n").map((line) => line.replace(/=.*$/, ""));
    expect(names).toEqual(expect.arrayContaining(["PATH", "HINDCAST_TEST", "GIVEN"]));
    expect(names.filter((name) => name.includes("API_KEY"))).toEqual([]);
  });

  it("ends with the process that started it, however that ends", async () => {
    const seconds = `${100_000 + process.pid}`;
    const module = new URL("host-program.ts", import.meta.url).href;
    const code = `(await import("${module}")).runProgram(["sleep", "${seconds}"], { timeoutMs: 1e8 }, new AbortController().signal)`;
    const parent = spawn(process.execPath, ["--conditions=source", "--input-type=module", "--eval", code]);
    const sleeping = (): number[] => processesAs(`sleep ${seconds}`);
    onTestFinished(() => {
      parent.kill("SIGKILL");
      for (const pid of sleeping()) process.kill(pid, "SIGKILL");
    });
    await expect.poll(sleeping).toHaveLength(1);
    parent.kill("SIGKILL");
    await expect.poll(sleeping).toEqual([]);
  });

  it("that is missing is named", async () => {
    await expect(runProgram(["no-such-program"], { timeoutMs: 10_000 }, never)).rejects.toThrow(
      'needs "no-such-program", which was not found on PATH',
    );
  });
});

describe("what a build said", () => {
  const tail = `error: metadata-generation-failed\n${"See above for output.\n".repeat(40)}`;

  it("begins with what was raised, which pip's own end of it leaves out", () => {
    const python =
      "  Traceback (most recent call last):\n    ModuleNotFoundError: No module named 'extension_helpers'\n";
    expect(causeAndLastLines(python + tail)).toMatch(
      /^ModuleNotFoundError: No module named 'extension_helpers' … [^]*See above for output\.$/,
    );
    const compiled = "a/b.c:12:3: fatal error: ft2build.h: No such file\nsubprocess.CalledProcessError: gcc ended\n";
    expect(causeAndLastLines(compiled + tail)).toMatch(/^a\/b\.c:12:3: fatal error: ft2build\.h: No such file … /);
  });

  it("is its end where nothing was raised, or that is in it", () => {
    expect(causeAndLastLines("one\ntwo\n")).toBe("one\ntwo");
    expect(causeAndLastLines("one\nKeyError: 'x'\n")).toBe("one\nKeyError: 'x'");
  });
});
