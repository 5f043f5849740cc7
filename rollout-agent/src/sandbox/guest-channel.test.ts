// A guest that says what no guest of ours would: whoever has broken out of everything inside still has only its channel.
// Requirements: 3.5.isolation, 6.1.contract
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { type Duplex, PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { encodeFrame } from "./frame.ts";
import { GuestChannel } from "./guest-channel.ts";
import { GuestSandbox } from "./guest-sandbox.ts";

const never = new AbortController().signal;
const lost = { code: "SANDBOX_LOST", retryable: true };

interface Hostile {
  sandbox: GuestSandbox;
  /** What came in by the egress port. */
  incoming: Duplex[];
  say: (header: object, payload?: Uint8Array) => void;
  /** The answer to the request that is asked next. */
  answer: (ok: object, payload?: Uint8Array) => void;
  /** Resolves once a request has come. */
  asked: () => Promise<unknown>;
  isKilled: () => boolean;
}

function aHostileGuest(): Hostile {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();
  const incoming: Duplex[] = [];
  let isKilled = false;
  const kill = (): void => {
    isKilled = true;
    end("it was killed");
  };
  input.resume();
  const channel = new GuestChannel({ input, output, ended, complaint: () => "", kill }, (stream) =>
    incoming.push(stream),
  );
  const say: Hostile["say"] = (header, payload = new Uint8Array(0)) => {
    output.write(encodeFrame(Buffer.from(JSON.stringify(header)), payload));
  };
  const openAnother = (): never => {
    throw new Error("nobody forks it");
  };
  return {
    sandbox: new GuestSandbox({ id: "hostile", channel, openAnother, onClosed: () => undefined }),
    incoming,
    say,
    answer: (ok, payload) => input.once("data", () => say({ id: 1, ok, fault: null }, payload)),
    asked: () => once(input, "data"),
    isKilled: () => isKilled,
  };
}

const event = (about: object, id = 0): object => ({ id, ok: null, fault: null, event: about });
const command = { script: "", timeoutMs: 1_000, outputBytesMax: 10, outputBytesKill: 10 };
const result = { exitCode: 0, killed: null, headBytes: 5, outputBytes: 11, workingDirectory: "/", durationMs: 1 };

describe("a guest is given up that", () => {
  it("gives more of a file, an archive or an output than was asked for", async () => {
    const asks: ((hostile: Hostile) => Promise<unknown>)[] = [
      ({ sandbox, answer }) => (answer({}, Buffer.alloc(11)), sandbox.readFile("x", 10)),
      ({ sandbox, answer }) => (answer({ tooLarge: false }, Buffer.alloc(11)), sandbox.snapshot(10, never)),
      ({ sandbox, answer }) => (answer(result, Buffer.alloc(11)), sandbox.exec(command, never)),
      ({ sandbox, answer }) => (answer({}, Buffer.alloc(1)), sandbox.writeFile("x", Buffer.alloc(0))),
    ];
    for (const ask of asks) {
      const hostile = aHostileGuest();
      await expect(ask(hostile)).rejects.toMatchObject(lost);
      expect(hostile.isKilled()).toBe(true);
    }
    const honest = aHostileGuest();
    honest.answer({}, Buffer.alloc(10));
    expect(await honest.sandbox.readFile("x", 10)).toHaveLength(10);
  });

  it("prints without end, or unasked", async () => {
    const flooding = aHostileGuest();
    let printed = 0;
    const onOutput = (chunk: Uint8Array): number => (printed += chunk.byteLength);
    const running = flooding.sandbox.exec({ ...command, onOutput }, never);
    await flooding.asked();
    for (let count = 0; count < 20; count += 1) flooding.say(event({ kind: "output" }, 1), Buffer.alloc(100_000));
    await expect(running).rejects.toMatchObject(lost);
    expect(printed).toBeLessThan(1_200_000);
    expect(printed).toBeGreaterThan(0);
    const unasked = aHostileGuest();
    const quiet = unasked.sandbox.exec(command, never);
    await unasked.asked();
    unasked.say(event({ kind: "output" }, 1), Buffer.alloc(1));
    await expect(quiet).rejects.toMatchObject(lost);
  });

  it("sends more after the end of a connection, or opens them without end; nobody else is harmed", async () => {
    const chatty = aHostileGuest();
    const connection = 2 ** 32;
    chatty.say(event({ kind: "incoming", connection }));
    chatty.say(event({ kind: "end", connection }));
    chatty.say(event({ kind: "data", connection }), Buffer.from("more"));
    await expect.poll(() => chatty.isKilled()).toBe(true);
    const many = aHostileGuest();
    for (let count = 0; count < 400; count += 1) many.say(event({ kind: "incoming", connection: connection + count }));
    await expect.poll(() => many.isKilled()).toBe(true);
    expect(many.incoming.length).toBeLessThanOrEqual(320);
    // Nobody listens for errors of these streams: that they end with one would end the agent.
    await setImmediate();
    expect(many.incoming.every((stream) => stream.destroyed)).toBe(true);
  });
});
