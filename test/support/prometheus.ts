// A real Prometheus over given targets, and its HTTP API. `await using prometheus = await startPrometheus(…)`.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";

const readyTimeoutMs = 60_000;

const QueryResult = z.discriminatedUnion("status", [
  z.object({
    status: z.literal("success"),
    data: z.object({
      result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
    }),
  }),
  z.object({ status: z.literal("error"), error: z.string() }),
]);

/** Where a program lies, or null. */
export function findProgram(name: string): string | null {
  try {
    return execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
  } catch {
    return null;
  }
}

export interface Prometheus extends AsyncDisposable {
  /** The series of an instant query. @throws with Prometheus's own words for a query that it refuses. */
  query(expression: string): Promise<{ labels: Record<string, string>; value: number }[]>;
}

export interface Target {
  job: string;
  addresses: readonly string[];
}

export async function startPrometheus(folder: string, targets: readonly Target[], rules: string): Promise<Prometheus> {
  const port = await freePort();
  const config = join(folder, "prometheus.json");
  // JSON is YAML.
  writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
      rule_files: [rules],
      scrape_configs: targets.map(({ job, addresses }) => ({
        job_name: job,
        static_configs: [{ targets: addresses }],
      })),
    }),
  );
  const child = spawn(
    "prometheus",
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, "prometheus-data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  child.stderr.on("data", (bytes: Buffer) => (log += bytes.toString()));
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilReady(child, `${url}/-/ready`);
  } catch (error) {
    child.kill("SIGKILL");
    throw new Error(`Prometheus did not start:\n${log}`, { cause: error });
  }
  return {
    query: async (expression) => {
      const response = await fetch(`${url}/api/v1/query`, {
        method: "POST",
        body: new URLSearchParams({ query: expression }),
      });
      const answer = QueryResult.parse(await response.json());
      if (answer.status === "error") throw new Error(`${expression}: ${answer.error}`);
      return answer.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    [Symbol.asyncDispose]: () => ended(child),
  };
}

/** Ends a program that was started here. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await exit;
}

async function untilReady(child: ChildProcess, url: string): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    const isReady = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return;
    if (Date.now() > deadline) throw new Error("it is not ready in time");
    await delay(100);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
