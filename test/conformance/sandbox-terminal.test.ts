// A command at a terminal: size, input, control characters and signals, the same in every driver.
// Requirements: 6.1.terminal
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import type { Terminal, TerminalEvent } from "../../rollout-agent/src/sandbox/sandbox.ts";
import {
  describeSandbox,
  isUserSpaceKernel,
  openSandbox,
  type Ran,
  slowness,
  type TestSandbox,
} from "./sandbox-fixture.ts";

const size = { columns: 100, rows: 30 };
const typed = (text: string): TerminalEvent => ({ kind: "type", bytes: Buffer.from(text) });

/** Runs `script`; each event follows once the output has shown the word before it. */
async function atTerminal(
  { run }: TestSandbox,
  script: string,
  steps: readonly (readonly [awaited: string, event: TerminalEvent])[],
): Promise<Ran> {
  let text = "";
  let wake = (): void => {};
  async function* events(): AsyncGenerator<TerminalEvent> {
    let from = 0;
    for (const [awaited, event] of steps) {
      while (!text.includes(awaited, from)) await new Promise<void>((resolve) => (wake = resolve));
      from = text.indexOf(awaited, from) + awaited.length;
      yield event;
    }
  }
  const tty: Terminal = { ...size, events: events() };
  const onOutput = (chunk: Uint8Array): void => {
    text += Buffer.from(chunk).toString("utf8");
    wake();
  };
  return await run(script, { tty, onOutput });
}

describeSandbox("a command's terminal", () => {
  it("is one, of the size that was asked for, and the session's own", async () => {
    const { run } = await openSandbox();
    const script = '[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && stty size; tty; echo "$TERM"; echo mine > /dev/tty';
    const { text, exitCode } = await run(script, { tty: size });
    expect(text).toMatch(/^30 100\r\n\/dev\/pts\/\d+\r\nxterm-256color\r\nmine\r\n$/);
    expect(exitCode).toBe(0);
  });

  it("is another each time, and leaves the session as it was", async () => {
    const { run } = await openSandbox();
    await run("x=kept; export COLUMNS=61");
    await run("/bin/true; y=$COLUMNS; cd /usr", { tty: size });
    const { text } = await run('[ -t 1 ] || echo "no terminal $x $y $TERM $PWD"; echo "${LINES-none}"');
    expect(text).toBe("no terminal kept 100 dumb /usr\nnone\n");
  });

  it("takes what is typed, line by line, and echoes it unless told otherwise", async () => {
    const box = await openSandbox();
    const script = 'read -p "name? " name; stty -echo; read -p "word? " word; echo; echo "$name/$word"';
    const { text } = await atTerminal(box, script, [
      ["name? ", typed("ada\n")],
      ["word? ", typed("secret\n")],
    ]);
    expect(text).toBe("name? ada\r\nword? \r\nada/secret\r\n");
    expect((await box.run("cat", { tty: size, stdin: Buffer.from("one\n\u0004") })).text).toBe("one\r\none\r\n");
  });

  it("sends control characters as signals to what is in the foreground", async () => {
    const box = await openSandbox();
    const script = "trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.05; done";
    const result = await atTerminal(box, script, [["ready", typed("\u0003")]]);
    expect(result).toMatchObject({ exitCode: 7, killed: null });
    expect(result.text).toContain("interrupted\r\n");
    // What says that it is ready is what is interrupted: a child that bash has just forked may lose the signal.
    const waiting = "x=lost; sh -c 'echo ready; exec sleep 60'";
    const ended = await atTerminal(box, waiting, [["ready", typed("\u0003")]]);
    expect(ended).toMatchObject({ exitCode: null, killed: "signal" });
    expect((await box.run("echo alive")).text).toBe("alive\n");
  });

  it("passes signals on whatever its settings are", async () => {
    const box = await openSandbox();
    const script = "stty -isig; trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    const terminate: TerminalEvent = { kind: "signal", name: "terminate" };
    // gVisor's terminals make a signal of control-C whatever they are told.
    const control: [string, TerminalEvent][] = [
      ["ready", typed("\u0003")],
      ["^C", terminate],
    ];
    const { exitCode, text } = await atTerminal(box, script, isUserSpaceKernel ? [["ready", terminate]] : control);
    expect(exitCode).toBe(3);
    expect(text).toContain("told\r\n");
  });

  it("tells of a new size", async () => {
    const box = await openSandbox();
    const script = "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done";
    const { text } = await atTerminal(box, script, [["ready", { kind: "resize", columns: 132, rows: 50 }]]);
    expect(text).toContain("50 132\r\n");
  });

  it("gives escape sequences as bytes and answers none", async () => {
    const { run } = await openSandbox();
    const queries = String.raw`\033[6n\033[c\033]52;c;?\007\033[2J\033]0;title\007`;
    const { text } = await run(
      `stty raw -echo; printf '${queries}'; IFS= read -r -t 1 -n 1 answer || printf 'no answer'`,
      { tty: size },
    );
    expect(text).toBe("\u001B[6n\u001B[c\u001B]52;c;?\u0007\u001B[2J\u001B]0;title\u0007no answer");
  });

  it("holds back what nobody reads, and ends at the command's limits all the same", async () => {
    const { run } = await openSandbox();
    let given = 0;
    async function* flood(): AsyncGenerator<TerminalEvent> {
      for (const line = Buffer.from(`${"x".repeat(1_022)}\n`); ; given += 1) yield { kind: "type", bytes: line };
    }
    const tty = { ...size, events: flood() };
    expect((await run("stty -echo; sleep 60", { tty, timeoutMs: 700 * slowness })).killed).toBe("timeout");
    expect(given * 1_023).toBeLessThan(512 * 1024);
    expect((await run("yes", { tty: size, outputBytesKill: 100_000 })).killed).toBe("output");
    expect((await run("echo alive")).text).toBe("alive\n");
  });

  it("takes megabytes from who reads", async () => {
    const { run } = await openSandbox();
    async function* lines(): AsyncGenerator<TerminalEvent> {
      for (let count = 0; count < 400; count += 1) yield typed(`${"y".repeat(1_000)}\n`);
      yield typed("\u0004");
    }
    const { text } = await run("stty -echo; echo ready; cat | wc -c", { tty: { ...size, events: lines() } });
    expect(text).toContain(`ready\r\n${400 * 1_001}\r\n`);
  });

  it("ends the command when its events fail, or when it is cancelled", async () => {
    const { sandbox, run } = await openSandbox();
    async function* failing(): AsyncGenerator<TerminalEvent> {
      yield typed("x");
      throw new Error("nobody is at the keyboard");
    }
    await expect(run("sleep 60", { tty: { ...size, events: failing() } })).rejects.toThrow("nobody is at the keyboard");
    const command = { script: "sleep 60", timeoutMs: 60_000, outputBytesMax: 100, outputBytesKill: 100, tty: size };
    const controller = new AbortController();
    const running = sandbox.exec(command, controller.signal);
    await delay(200);
    controller.abort(new Error("enough"));
    await expect(running).rejects.toThrow("enough");
    expect((await run("echo alive")).text).toBe("alive\n");
  });

  it("refuses a size that no terminal has, and more terminals than there are", async () => {
    const { run } = await openSandbox();
    await expect(run("true", { tty: { columns: 0, rows: 10 } })).rejects.toThrow(/1 to 1000 columns, not 0/);
    const many = "import os\nfor count in range(100):\n  os.openpty()\n  print(count + 1, flush=True)";
    const { text } = await run(`python3 -c '${many}' 2>&1 | tail -n 1`);
    // gVisor's kernel is the sandbox's own, and so is what terminals cost it.
    expect(text).toContain(isUserSpaceKernel ? "100" : "OSError");
    expect((await run("tty", { tty: size })).text).toContain("/dev/pts/");
  });
});
