// The API server that KUBECONFIG names, asked over HTTP through `kubectl proxy`: kubectl logs in however the cluster wants
// it (certificates, tokens, a provider's plug-in), and answers come with their status. The proxy listens on a socket in a
// folder that only this user can enter, and ends with `close`.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";

const startTimeoutMs = 20_000;
const requestTimeoutMs = 20_000;
const stopTimeoutMs = 2_000;
/** Objects of one list: a namespace of 1,000 agents, twice over while it rolls. */
const listMax = 2_000;
const answerBytesMax = 128 * 1024 ** 2;
const logBytesMax = 64 * 1024;

export type Answer<T> =
  | { kind: "found"; value: T }
  | { kind: "absent" }
  /** The user may not ask; the server says what would be needed. */
  | { kind: "forbidden"; why: string }
  | { kind: "failed"; why: string };

export interface ClusterApi extends AsyncDisposable {
  get<S extends z.ZodType>(path: string, schema: S): Promise<Answer<z.output<S>>>;
  post<S extends z.ZodType>(path: string, body: object, schema: S): Promise<Answer<z.output<S>>>;
  /** All objects below a path, e.g. `/api/v1/nodes`. */
  list<S extends z.ZodType>(path: string, item: S): Promise<Answer<z.output<S>[]>>;
}

const Refusal = z.looseObject({ message: z.string().default("no reason given") });

/** @throws Error with kubectl's own words when it is missing or no cluster answers */
export async function openCluster(): Promise<ClusterApi> {
  const folder = await mkdtemp(join(tmpdir(), "hindcast-preflight-"));
  const socketPath = join(folder, "api");
  const child = spawn("kubectl", ["proxy", `--unix-socket=${socketPath}`], { stdio: ["ignore", "pipe", "pipe"] });
  const close = async (): Promise<void> => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilServing(child);
    const ask = async <S extends z.ZodType>(method: string, path: string, schema: S, body?: object) =>
      answerOf(await send(socketPath, method, path, body), schema);
    const api: ClusterApi = {
      get: (path, schema) => ask("GET", path, schema),
      post: (path, body, schema) => ask("POST", path, schema, body),
      list: async (path, item) => {
        const answer = await ask("GET", `${path}?limit=${listMax}`, z.looseObject({ items: z.array(item) }));
        return answer.kind === "found" ? { kind: "found", value: answer.value.items } : answer;
      },
      [Symbol.asyncDispose]: close,
    };
    const { status, text } = await send(socketPath, "GET", "/version");
    if (status === 200) return api;
    const why =
      status === 401 ? "it does not know who asks: the credentials in KUBECONFIG are refused or expired" : text.trim();
    throw new Error(why);
  } catch (error) {
    await close();
    throw error;
  }
}

async function untilServing(child: ChildProcess): Promise<void> {
  let log = "";
  const serving = Promise.withResolvers<void>();
  const onOutput = (bytes: Buffer): void => {
    log = (log + bytes.toString()).slice(-logBytesMax);
    if (log.includes("Starting to serve")) serving.resolve();
  };
  child.stdout?.on("data", onOutput);
  child.stderr?.on("data", onOutput);
  child.once("error", (error: NodeJS.ErrnoException) => {
    serving.reject(error.code === "ENOENT" ? new Error("kubectl is not on PATH: install it") : error);
  });
  child.once("exit", () => serving.reject(new Error(log.trim() === "" ? "kubectl proxy ended" : log.trim())));
  const timeout = delay(startTimeoutMs, undefined, { ref: false }).then(() => {
    throw new Error(`kubectl proxy did not start within ${startTimeoutMs / 1000} s`);
  });
  await Promise.race([serving.promise, timeout]);
}

function send(
  socketPath: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; text: string }> {
  const outgoing = request({
    socketPath,
    method,
    path,
    headers: { host: "localhost", accept: "application/json", "content-type": "application/json" },
    timeout: requestTimeoutMs,
  });
  return new Promise((resolve, reject) => {
    outgoing.once("error", reject);
    outgoing.once("timeout", () => outgoing.destroy(new Error(`no answer within ${requestTimeoutMs / 1000} s`)));
    outgoing.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
        if (text.length > answerBytesMax) outgoing.destroy(new Error(`${path} is larger than expected`));
      });
      response.once("error", reject);
      response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function answerOf<S extends z.ZodType>(
  { status, text }: { status: number; text: string },
  schema: S,
): Answer<z.output<S>> {
  if (status >= 200 && status < 300) {
    const value = schema.safeParse(JSON.parse(text));
    if (value.success) return { kind: "found", value: value.data };
    return { kind: "failed", why: `its answer has another form: ${z.prettifyError(value.error)}` };
  }
  if (status === 404) return { kind: "absent" };
  if (status === 403) return { kind: "forbidden", why: messageIn(text) };
  return { kind: "failed", why: `status ${status}: ${messageIn(text)}` };
}

/** Of a Status object; proxies on the way answer in plain words. */
function messageIn(text: string): string {
  try {
    return Refusal.parse(JSON.parse(text)).message;
  } catch {
    return text.trim().slice(0, 200);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill();
  await Promise.race([exit, delay(stopTimeoutMs).then(() => child.kill("SIGKILL"))]);
}
