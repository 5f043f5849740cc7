// The retrieval process as it runs in a cluster: started before its stream exists, killed, restarted, drained.
// Requirements: 3.8.rebuild, 3.8.service, 4.7.partitions
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { DemonstrationIndex } from "@hindcast/index-core";
import { type DemonstrationId, limits, RetrievalReply, RetrievalRequest, subjects } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { aDemonstrationOf, aRetrievalQuery } from "../support/retrieval.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

let nats: TestNats;
let coordinator: Bus;
let client: Bus;

beforeAll(async () => {
  nats = await aNatsServer();
  client = await nats.connect("client");
});
afterAll(async () => await nats?.[Symbol.asyncDispose]());

interface RetrievalProcess {
  child: ChildProcess;
  /** Resolves with the first log line of this event. */
  logged(event: string): Promise<Record<string, unknown>>;
  exited: Promise<[code: number | null, signal: string | null]>;
}

async function start(more: Record<string, string> = {}): Promise<RetrievalProcess> {
  const { servers, credentials } = nats.options("index-core");
  const passwordFile = join(nats.directory, "index-core.password");
  await writeFile(passwordFile, credentials?.password ?? "", { mode: 0o600 });
  const child = spawn(process.execPath, ["--conditions=source", "index-core/ts/main.ts"], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      PATH: process.env.PATH,
      HINDCAST_NATS_URL: servers,
      HINDCAST_NATS_USER: credentials?.user ?? "",
      HINDCAST_NATS_PASSWORD_FILE: passwordFile,
      HINDCAST_METRICS_PORT: "0",
      ...more,
    },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const seen: Record<string, unknown>[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    seen.push(JSON.parse(line) as Record<string, unknown>);
    for (const look of waiting) look();
  });
  const logged: RetrievalProcess["logged"] = async (event) => {
    const { promise, resolve } = Promise.withResolvers<Record<string, unknown>>();
    const look = (): void => {
      const line = seen.find((one) => one.event === event);
      if (line !== undefined) resolve(line);
    };
    waiting.add(look);
    look();
    return await promise;
  };
  const exited = once(child, "exit") as RetrievalProcess["exited"];
  return { child, logged, exited };
}

async function search(query: string, minSequence: number | null = null): Promise<RetrievalReply> {
  const queries = [aRetrievalQuery({ query, observation: "seen", modelBased: 50, observationBased: 50 })];
  const value = { v: 1 as const, kind: "retrieval.search" as const, queries, minSequence, deadlineMs: 5_000 };
  return await client.request({
    subject: subjects.retrievalSearch,
    request: RetrievalRequest,
    reply: RetrievalReply,
    value,
  });
}

test("starts before the stream exists, serves once it does, survives kill -9, and drains on SIGTERM", async () => {
  const first = await start();
  const { port } = await first.logged("admin.listening");
  const admin = async (path: string): Promise<Response> => await fetch(`http://127.0.0.1:${String(port)}${path}`);
  expect([(await admin("/readyz")).status, (await admin("/healthz")).status]).toEqual([503, 200]);

  coordinator = await nats.coordinator();
  await first.logged("process.ready");
  expect((await admin("/readyz")).status).toBe(200);
  let last = 0;
  for (let n = 0; n < 300; n += 1) {
    const words = {
      instruction: `Write the number ${n} into a file`,
      initial: n % 3 === 0 ? "seen" : `other ${n}`,
      episode: `ep-${n % 50}`,
    };
    last = await coordinator.demonstrations.put(
      aDemonstrationOf(n, { ...words, steps: [{ command: `echo ${n} > ${n}` }] }),
    );
  }
  const before = await search("number 42", last);
  expect(before.answers[0]?.hits.length).toBeGreaterThan(50);
  const metrics = await (await admin("/metrics")).text();
  expect(metrics).toMatch(/^hindcast_retrieval_demonstrations 300$/m);
  expect(metrics).toMatch(/^hindcast_retrieval_lag 0$/m);
  expect(metrics).toMatch(/^hindcast_retrieval_request_seconds_count\{endpoint="search"\} 1$/m);

  first.child.kill("SIGKILL");
  expect(await first.exited).toEqual([null, "SIGKILL"]);
  await coordinator.demonstrations.retire("shell", "demo-299" as DemonstrationId);
  await coordinator.demonstrations.put(
    aDemonstrationOf(298, { instruction: "Replaced while away", steps: [{ command: "true" }] }),
  );

  const second = await start();
  expect(await second.logged("index.rebuilt")).toMatchObject({ demonstrations: 299 });
  await second.logged("process.ready");
  const after = await search("replaced while away");
  expect(after.answers[0]?.hits.map(({ demonstration }) => demonstration.id)).toContain("demo-298");
  expect(after.indexSequence).toBe(last + 2);

  second.child.kill("SIGTERM");
  expect(await second.exited).toEqual([0, null]);
});

test("a misspelt setting ends the process with one sentence that names it", () => {
  const { status, stderr } = spawnSync(process.execPath, ["--conditions=source", "index-core/ts/main.ts"], {
    cwd: root,
    encoding: "utf8",
    env: { PATH: process.env.PATH, HINDCAST_METRIC_PORT: "1" },
  });
  expect(status).toBe(2);
  expect(stderr).toMatch(
    /^error: environment variable HINDCAST_METRIC_PORT is not known; did you mean HINDCAST_METRICS_PORT\?.*\n$/,
  );
});

test("a partition that does not exist ends the process with a sentence that names it", async () => {
  const replica = await start({ HINDCAST_INDEX_PARTITIONS: "2", HINDCAST_INDEX_PARTITION: "2" });
  const { err } = await replica.logged("process.failed");
  expect(err).toMatchObject({ message: expect.stringContaining("HINDCAST_INDEX_PARTITION is 2, but there are 2") });
  expect((await replica.exited)[0]).not.toBe(0);
});

test("two processes with a partition each answer as one", async () => {
  const processes = await Promise.all(
    ["0", "1"].map((partition) => start({ HINDCAST_INDEX_PARTITIONS: "2", HINDCAST_INDEX_PARTITION: partition })),
  );
  const rebuilt = await Promise.all(processes.map((one) => one.logged("index.rebuilt")));
  expect(rebuilt.reduce((sum, { demonstrations }) => sum + Number(demonstrations), 0)).toBe(299);
  await Promise.all(processes.map((one) => one.logged("process.ready")));
  const reply = await search("replaced while away");
  expect(reply.answers[0]?.hits).toHaveLength(100);
  expect(reply.indexVersion).toMatch(/ partitions=2$/);
  for (const { child } of processes) child.kill("SIGTERM");
  expect(await Promise.all(processes.map(({ exited }) => exited))).toEqual([
    [0, null],
    [0, null],
  ]);
});

test("a process with a folder goes on from its checkpoint, and rebuilds when the folder is damaged", async () => {
  const folder = join(nats.directory, "index");
  const first = await start({ HINDCAST_INDEX_FOLDER: folder });
  const { sequence } = await first.logged("index.rebuilt");
  await first.logged("process.ready");
  first.child.kill("SIGTERM");
  expect(await first.exited).toEqual([0, null]);
  expect(await first.logged("checkpoint.written")).toMatchObject({ sequence });

  const second = await start({ HINDCAST_INDEX_FOLDER: folder });
  expect(await second.logged("index.rebuilt")).toMatchObject({ demonstrations: 299, sequence });
  await second.logged("process.ready");
  expect((await search("replaced while away")).answers[0]?.hits).toHaveLength(100);
  second.child.kill("SIGKILL");
  await second.exited;

  const own = join(folder, "demonstrations");
  await writeFile(join(own, "MANIFEST"), "damaged");
  await rm(join(own, "MANIFEST.previous"), { force: true });
  await writeFile(join(folder, "notes.txt"), "somebody else's");
  const third = await start({ HINDCAST_INDEX_FOLDER: folder });
  expect(await third.logged("index.discarded")).toMatchObject({ problem: expect.stringContaining("is damaged") });
  expect(await third.logged("index.rebuilt")).toMatchObject({ demonstrations: 299, sequence });
  third.child.kill("SIGTERM");
  expect(await third.exited).toEqual([0, null]);
  expect(await readFile(join(folder, "notes.txt"), "utf8")).toBe("somebody else's");
});

test("an index of a stream that was made anew is not taken for one of the new stream, however far that is", async () => {
  const folder = join(nats.directory, "of-another");
  const first = await start({ HINDCAST_INDEX_FOLDER: folder });
  await first.logged("process.ready");
  first.child.kill("SIGTERM");
  await first.exited;
  const mark = join(folder, "demonstrations.stream");
  expect(await readFile(mark, "utf8")).toBe(await coordinator.demonstrations.born());
  await writeFile(mark, "2020-01-01T00:00:00Z");
  const second = await start({ HINDCAST_INDEX_FOLDER: folder });
  expect(await second.logged("index.outdated")).toMatchObject({ streamOf: "2020-01-01T00:00:00Z" });
  expect(await second.logged("index.rebuilt")).toMatchObject({ demonstrations: 299 });
  second.child.kill("SIGTERM");
  expect(await second.exited).toEqual([0, null]);
});

test("what crashed on a stream that was replaced is not held against the new one", async () => {
  const folder = join(nats.directory, "replaced");
  const own = join(folder, "demonstrations");
  await mkdir(own, { recursive: true });
  const index = await DemonstrationIndex.open({ folder: own, graphsFollowLog: true });
  await index.checkpoint(100_000);
  await index.close();
  const skipped = Array.from({ length: limits.crashSkipsMax }, (_, at) => at + 1);
  const note = { v: 1, applying: null, suspect: null, suspectsTo: 0, skipped };
  await writeFile(`${own}.applying.json`, JSON.stringify(note));
  const replica = await start({ HINDCAST_INDEX_FOLDER: folder });
  await replica.logged("index.outdated");
  expect(await replica.logged("index.rebuilt")).toMatchObject({ demonstrations: 299 });
  replica.child.kill("SIGTERM");
  expect(await replica.exited).toEqual([0, null]);
});
