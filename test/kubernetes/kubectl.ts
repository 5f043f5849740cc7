// kubectl against the cluster in KUBECONFIG, as functions.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";

/** @returns standard output. @throws with what kubectl wrote to standard error */
export async function kubectl(args: readonly string[], input = ""): Promise<string> {
  return await output("kubectl", args, input);
}

/** @param more beside the environment of this process */
export async function output(
  program: string,
  args: readonly string[],
  input = "",
  more: NodeJS.ProcessEnv = {},
): Promise<string> {
  const { code, said, complained } = await run(program, args, input, more);
  if (code === 0) return said;
  throw new Error(`${program} ${args.join(" ")} failed: ${complained.trim().slice(-1_000)}`);
}

/** Of a container that may be taken away while it is followed: kubectl fails then, after what it has shown. */
export async function followedLog(namespace: string, pod: string): Promise<string> {
  return (await run("kubectl", ["-n", namespace, "logs", "--follow", pod], "", {})).said;
}

async function run(program: string, args: readonly string[], input: string, more: NodeJS.ProcessEnv) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...more } });
  // A program that ends early takes no input any more; its exit code says what was wrong.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  let [said, complained] = ["", ""];
  child.stdout.on("data", (bytes: Buffer) => (said += bytes.toString()));
  child.stderr.on("data", (bytes: Buffer) => (complained += bytes.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, said, complained };
}

export async function podsOf(namespace: string, selector: string): Promise<string[]> {
  const args = ["-n", namespace, "get", "pods", "-l", selector, "--field-selector=status.phase=Running", "-o", "name"];
  return (await kubectl(args)).split("\n").flatMap((line) => (line === "" ? [] : [line.replace("pod/", "")]));
}

export async function untilRolledOut(namespace: string, ...workloads: string[]): Promise<void> {
  for (const workload of workloads) {
    await kubectl(["-n", namespace, "rollout", "status", workload, "--timeout=300s"]);
  }
}

export async function secretValue(namespace: string, name: string, key: string): Promise<string> {
  const path = `jsonpath={.data.${key.replaceAll(".", "\\.")}}`;
  return Buffer.from(await kubectl(["-n", namespace, "get", "secret", name, "-o", path]), "base64").toString();
}

/** Whether a sandbox is open in an agent's pod: its guest is a process there. */
export async function hasSandbox(namespace: string, pod: string): Promise<boolean> {
  const guests = kubectl(["-n", namespace, "exec", pod, "--", "pgrep", "--full", "--count", "/.hindcast-guest"]);
  return (await guests.catch(() => "0")).trim() !== "0";
}

const forwardAgainMs = 500;
const openMsMax = 120_000;

export interface Door extends AsyncDisposable {
  port: number;
  /** Waits until the pod is ready and kubectl listens for it: a connection before that would end the way in. */
  untilOpen(): Promise<void>;
}

/** A way in to one pod's port, until it is disposed of; also to the next pod of this name. */
export async function forward(namespace: string, pod: string, port: number): Promise<Door> {
  const start = (at: string): ChildProcess =>
    spawn("kubectl", ["-n", namespace, "port-forward", `pod/${pod}`, `${at}:${port}`], {
      stdio: ["ignore", "pipe", at === "" ? "inherit" : "ignore"],
    });
  let served = await uidOf(namespace, pod);
  let child = start("");
  const local = await firstPort(child).catch((error: unknown) => {
    throw new Error(`kubectl port-forward ${pod} ended`, { cause: error });
  });
  let listening: Promise<unknown> = Promise.resolve();
  const stop = new AbortController();
  const lasting = (async () => {
    // It ends with its pod, and fails until there is another.
    while (!stop.signal.aborted) {
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      await pause(forwardAgainMs, null, { signal: stop.signal }).catch(() => undefined);
      if (stop.signal.aborted) return;
      child = start(String(local));
      listening = firstPort(child);
      listening.catch(() => undefined);
    }
  })();
  const isListening = async (): Promise<boolean> => {
    const hasPort = await listening.then(
      () => true,
      () => false,
    );
    return hasPort && child.exitCode === null && child.signalCode === null;
  };
  const end = async (): Promise<void> => {
    stop.abort();
    child.kill();
    await Promise.race([lasting, pause(5_000, null, { ref: false })]);
  };
  const untilOpen = async (): Promise<void> => {
    for (const deadline = Date.now() + openMsMax; ; await pause(forwardAgainMs)) {
      await kubectl(["-n", namespace, "wait", "--for=condition=Ready", `pod/${pod}`, "--timeout=120s"]);
      const now = await uidOf(namespace, pod);
      // kubectl listens for a pod that is gone until somebody comes.
      if (now !== served) child.kill();
      else if (await isListening()) return;
      served = now;
      if (Date.now() > deadline) throw new Error(`kubectl port-forward ${pod} does not come back`);
    }
  };
  return { port: local, untilOpen, [Symbol.asyncDispose]: end };
}

/** Another pod of the same name has another. */
const uidOf = (namespace: string, pod: string): Promise<string> =>
  kubectl(["-n", namespace, "get", "pod", pod, "-o", "jsonpath={.metadata.uid}"]);

/** @throws Error where it ends without one */
async function firstPort(child: ChildProcess): Promise<number> {
  const found = Promise.withResolvers<number>();
  child.stdout?.on("data", (bytes: Buffer) => {
    const port = /127\.0\.0\.1:(\d+)/.exec(bytes.toString())?.[1];
    if (port !== undefined) found.resolve(Number(port));
  });
  child.once("exit", (code) => found.reject(new Error(`it exited with ${code}`)));
  return await found.promise;
}
