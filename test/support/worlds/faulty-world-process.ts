// A world that goes wrong in the way that its first argument names. Until then it behaves.
import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [fault = ""] = process.argv.slice(2);
const write = (text: string): unknown => process.stdout.write(`${text}\n`);
const say = (id: number, reply: object): unknown => write(JSON.stringify({ v: 1, id, ...reply }));
const anything = { name: "anything", inputSchema: { type: "object", properties: { n: { type: "integer" } } } };
const capabilities = { evaluate: fault === "ends-slowly", deterministic: true };
const hello = { kind: "hello", name: "faulty", description: "It goes wrong.", tools: [anything], capabilities };

const faults: Record<string, (id: number) => unknown> = {
  "no-json": () => write("Traceback (most recent call last):"),
  "no-reply": (id) => say(id, { kind: "state" }),
  "wrong-kind": (id) => say(id, { kind: "closed" }),
  "wrong-id": (id) => say(id + 7, { kind: "state", text: "" }),
  "wrong-version": (id) => write(JSON.stringify({ v: 2, id, kind: "state", text: "" })),
  "two-replies": (id) => (say(id, { kind: "state", text: "" }), say(id, { kind: "state", text: "" })),
  "huge-line": () => {
    const chunk = "x".repeat(64 * 1024);
    const more = (): void => {
      while (process.stdout.write(chunk));
      process.stdout.once("drain", more);
    };
    more();
  },
  dies: () => (process.stderr.write("the disk is full\n"), process.exit(3)),
  "dies-once": (id) => {
    const mark = process.env["MARK"] ?? "";
    if (existsSync(mark)) return say(id, { kind: "state", text: "done", reward: 1 });
    writeFileSync(mark, "");
    return faults["dies"]?.(id);
  },
  "ends-slowly": (id) => say(id, { kind: "state", text: "done", isTerminated: true }),
  /** Judges at the second asking only. */
  judges: (id) => {
    const mark = process.env["MARK"] ?? "";
    if (existsSync(mark)) return say(id, { kind: "verdict", verdict: "success" });
    writeFileSync(mark, "");
  },
  silent: () => undefined,
  "silent-with-child": () => {
    // It would outlive its parent: the pipe that it holds is not ours.
    spawn("sleep", ["613"], { stdio: "ignore" });
    setInterval(() => undefined, 1_000);
  },
  noisy: (id) => {
    const line = `${"noise ".repeat(200)}\n`;
    for (let n = 0; n < 1_000; n += 1) process.stderr.write(line);
    say(id, { kind: "state", text: "done" });
  },
  environment: (id) => say(id, { kind: "state", text: JSON.stringify(process.env) }),
  "huge-text": (id) => say(id, { kind: "state", text: `start ${"x".repeat(100_000)} end` }),
  picture: (id) => {
    const base64 = Buffer.from("pixels").toString("base64");
    say(id, { kind: "state", text: "see", artifacts: [{ name: "screen.png", mediaType: "image/png", base64 }] });
  },
  rewards: (id) => say(id, { kind: "state", text: "done", reward: 1, isTerminated: true }),
  "new-tool": (id) => say(id, { kind: "state", text: "grown", tools: [anything, { name: "extra" }] }),
  "setup-failed": (id) => say(id, { kind: "error", code: "setup-failed", message: "there is no such level" }),
  unavailable: (id) => say(id, { kind: "error", code: "unavailable", message: "the licence has run out" }),
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, kind } = JSON.parse(line) as { id: number; kind: string };
  const early = ["setup-failed", "unavailable"].includes(fault) ? "reset" : "step";
  if (kind === "hello")
    say(id, fault === "bad-schema" ? { ...hello, tools: [{ name: "a", inputSchema: { type: 7 } }] } : hello);
  else if (kind === "evaluate") faults["judges"]?.(id);
  else if (kind === "close") say(id, { kind: "closed" });
  else if (kind === early) faults[fault]?.(id);
  else say(id, { kind: "state", text: "ready" });
});
