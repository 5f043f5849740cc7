// Worlds for tests: the example that the README shows, as a process and as a service, and ones that go wrong.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type {
  ConfiguredWorlds,
  WorldConfiguration,
} from "../../../rollout-agent/src/environment/plug-in/world-configuration.ts";

export const examplesFolder = new URL("../../../rollout-agent/examples/", import.meta.url).pathname;
const faultyWorld = new URL("faulty-world-process.ts", import.meta.url).pathname;

export const todoProcess: WorldConfiguration = {
  kind: "process",
  command: ["python3", "todo_world.py"],
  folder: ".",
  environment: {},
};

export const worldsOf = (worlds: Record<string, WorldConfiguration>): ConfiguredWorlds => ({
  folder: examplesFolder,
  worlds: new Map(Object.entries(worlds)),
});

/** A world that goes wrong as `fault` says. */
export const faulty = (fault: string): WorldConfiguration => ({
  kind: "process",
  command: [process.execPath, faultyWorld, fault],
  folder: ".",
  environment: { TOKEN: "configured" },
});

export interface TodoService extends AsyncDisposable {
  url: string;
}

/** `todo_world.py --http` on a free port. */
export async function startTodoService(): Promise<TodoService> {
  const child: ChildProcess = spawn("python3", ["todo_world.py", "--http", "0"], {
    cwd: examplesFolder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const url = await new Promise<string>((resolve, reject) => {
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const found = /serving (\S+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("exit", () => reject(new Error(`the service ended: ${said}`)));
  });
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    },
  };
}
