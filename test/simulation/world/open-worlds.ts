import { parseSandboxName } from "../../../rollout-agent/src/sandbox/sandbox-name.ts";
import { currentProcess, type SimulatedProcess } from "../time/process.ts";

export interface OpenWorld {
  id: string;
  /** `episode.<id>` or `task.<id>`: under which lease it was opened. */
  lease: string;
  process: string;
}

/** The worlds that agents have opened and not closed. One ends with its process, as a sandbox does. */
export class OpenWorlds {
  readonly #opened: { id: string; process: SimulatedProcess | undefined }[] = [];

  opened(id: string): void {
    this.#opened.push({ id, process: currentProcess() });
  }

  closed(id: string): void {
    const process = currentProcess();
    const at = this.#opened.findIndex((world) => world.id === id && world.process === process);
    if (at >= 0) this.#opened.splice(at, 1);
  }

  get all(): OpenWorld[] {
    return this.#opened
      .filter(({ process }) => process?.state !== "killed")
      .map(({ id, process }) => ({ id, lease: parseSandboxName(id)?.lease ?? id, process: process?.name ?? "" }));
  }
}
