// A driver as a target: its sandboxes as an episode has them.
import { EpisodeLimits, messageOf, observationText } from "@hindcast/shared";
import { createEnvironmentProvider } from "../../rollout-agent/src/environment/index.ts";
import type { Sandbox, SandboxProvider } from "../../rollout-agent/src/sandbox/sandbox.ts";
import { type Box, boxLimits, MiB, NotTried, outputBytesKill, type Ran, type Target } from "./box.ts";

const never = new AbortController().signal;

/** An emulated processor beside others' work. */
const helperMsMax = 60_000;

const episodeLimits = EpisodeLimits.parse({
  ...boxLimits,
  stepsMax: 10,
  tokensMax: 1_000,
  costUsdMax: null,
  wallTimeMs: 60_000,
  stepTimeMs: 10_000,
  observationBytesMax: 4_000,
  outputBytesMax: 4 * MiB,
  formatErrorsMax: 3,
});

export function driverTarget(provider: SandboxProvider, helper: Uint8Array): Target {
  return {
    name: provider.name,
    open: async (id) => {
      const sandbox = await provider.open({ id, limits: boxLimits }, never);
      const box = new DriverBox(provider, sandbox);
      await box.writeFile("helper", helper);
      // Without arguments it says so by its exit code: a helper that does not run would make every probe fail.
      const { exitCode, killed, text } = await box.run("chmod 755 helper; ./helper", helperMsMax);
      if (exitCode !== 2) throw new Error(`the helper does not run in ${provider.name}: ${exitCode ?? killed} ${text}`);
      return box;
    },
  };
}

class DriverBox implements Box {
  readonly id: string;
  readonly #provider: SandboxProvider;
  readonly #sandbox: Sandbox;

  constructor(provider: SandboxProvider, sandbox: Sandbox) {
    this.#provider = provider;
    this.#sandbox = sandbox;
    this.id = sandbox.id;
  }

  async run(script: string, timeoutMs = 15_000): Promise<Ran> {
    const { output, ...result } = await this.#sandbox.exec(
      { script, timeoutMs, outputBytesMax: 256 * 1024, outputBytesKill },
      never,
    );
    return { ...result, text: Buffer.from(output).toString("utf8") };
  }

  async observe(script: string): Promise<string> {
    const environments = createEnvironmentProvider("shell", { sandboxes: this.#provider });
    const spec = { kind: "shell", files: [], setup: [] } as const;
    await using environment = environments.create({
      id: `${this.id}-observed`,
      spec: { ...spec, files: [], setup: [] },
      limits: episodeLimits,
    });
    // It has a sandbox of its own, and one that cannot be had shows nothing.
    await environment.reset(never).catch((error: unknown) => Promise.reject(new NotTried(messageOf(error))));
    return observationText((await environment.step({ kind: "shell", command: script }, never)).observation);
  }

  async readFile(path: string): Promise<string> {
    return Buffer.from(await this.#sandbox.readFile(path, 64 * 1024)).toString("utf8");
  }

  writeFile(path: string, content: Uint8Array): Promise<void> {
    return this.#sandbox.writeFile(path, content);
  }

  restore(archive: Uint8Array): Promise<void> {
    return this.#sandbox.restore(archive, never);
  }

  close(): Promise<void> {
    return this.#sandbox.close();
  }
}
