// MCP over standard input and output, as the SDK's own transport speaks it, with our process: nothing of the agent's
// environment is handed on (the SDK's hands on HOME, USER and SHELL), lines and error streams are capped, and the whole
// process group ends with the session.
import { type JSONRPCMessage, parseJSONRPCMessage, type Transport } from "@modelcontextprotocol/client";
import { type HindcastError, messageOf } from "@hindcast/shared";
import { LineProcess, type StartedProgram } from "./line-process.ts";
import { endOf } from "./process-exchange.ts";
import type { WorldLog } from "./world.ts";

export class McpProcessTransport implements Transport {
  readonly #world: string;
  readonly #program: StartedProgram;
  readonly #log: WorldLog;
  #process: LineProcess | null = null;
  /** Why the process ended, if it did. */
  fault: HindcastError | null = null;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: NonNullable<Transport["onmessage"]>;

  /** The SDK knows a local process by this and `pid`: one that is silent or ends at a question is an older server. */
  readonly stderr = null;

  constructor(world: string, program: StartedProgram, log: WorldLog) {
    this.#world = world;
    this.#program = program;
    this.#log = log;
  }

  get pid(): number | null {
    return this.#process?.processId ?? null;
  }

  start(): Promise<void> {
    this.#process = new LineProcess({
      ...this.#program,
      log: this.#log,
      onLine: (line) => this.#receive(line),
      onEnd: (reason, error) => {
        this.fault = endOf(this.#world, reason, error);
        this.onclose?.();
      },
    });
    return Promise.resolve();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.fault !== null) throw this.fault;
    await this.#process?.send(JSON.stringify(message));
  }

  async close(): Promise<void> {
    await this.#process?.close();
    this.onclose?.();
  }

  /** A line that is no message is a program's chatter; the protocol has the reader pass it over. */
  #receive(line: string): void {
    try {
      this.onmessage?.(parseJSONRPCMessage(JSON.parse(line)));
    } catch (error) {
      this.#log.warn(
        { event: "world.chatter", world: this.#world, text: line.slice(0, 200) },
        messageOf(error).slice(0, 500),
      );
      this.onerror?.(error instanceof Error ? error : new Error(messageOf(error)));
    }
  }
}
