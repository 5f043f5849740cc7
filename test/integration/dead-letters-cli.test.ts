// Requirements: 5.3.dead-letters, 5.3.requeue
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { encode, Task } from "@hindcast/shared";
import { expect, it } from "vitest";
import { aFolder, hindcast, type HindcastResult } from "../support/hindcast.ts";
import { anAttemptBegun, anEpisodeEnded, task } from "../support/messages.ts";
import { aNatsServer, testPool } from "../support/nats-server.ts";

const never = new AbortController().signal;

it("dead letters can be listed, inspected, requeued and dropped by a person and by a program", async () => {
  await using nats = await aNatsServer();
  using folder = aFolder();
  const coordinator = await nats.coordinator();
  const worker = await nats.connect("w-1" as Parameters<typeof nats.connect>[0]);
  const [ended, open] = [task("ended"), task("open")];
  for (const work of [ended, open]) {
    await coordinator.tasks.publish(work, never);
    await worker.trajectories.append(anAttemptBegun({ taskId: work.taskId, episodeId: work.episodeId }));
    const [leased] = await worker.tasks.lease(testPool, 1, 10_000, never);
    await leased?.deadLetter("SANDBOX_UNAVAILABLE: no bubblewrap");
  }
  await worker.results.put(anEpisodeEnded({ taskId: ended.taskId, episodeId: ended.episodeId }));

  const { servers, credentials } = nats.options("coordinator");
  const password = join(folder.path, "password");
  writeFileSync(password, credentials.password);
  const env = {
    HINDCAST_NATS_URL: servers,
    HINDCAST_NATS_USER: credentials.user,
    HINDCAST_NATS_PASSWORD_FILE: password,
  };
  const cli = (...args: string[]): Promise<HindcastResult> => hindcast(args, { cwd: folder.path, env });
  const json = ({ stdout }: HindcastResult): unknown => JSON.parse(stdout.trim().split("\n").at(-1) ?? "");

  expect(json(await cli("--json", "dead-letters", "list"))).toMatchObject({
    event: "dead-letters",
    letters: [{ sequence: 1, deliveries: 1, history: [{ workerId: "w-1" }] }, { sequence: 2 }],
  });
  expect(json(await cli("--json", "dead-letters", "show", "2"))).toMatchObject({
    event: "dead-letter",
    reason: "SANDBOX_UNAVAILABLE: no bubblewrap",
    history: [{ attempt: 1, delivery: 1, workerId: "w-1", error: null }],
    message: { taskId: open.taskId },
    payloadBase64: Buffer.from(encode(Task, open)).toString("base64"),
  });
  const shown = await cli("dead-letters", "show", "2");
  expect(shown.stdout).toMatch(
    /reason: +SANDBOX_UNAVAILABLE[\s\S]+attempt +delivery +worker[\s\S]+1 +1 +w-1 +.+died or was cut off/,
  );

  const refused = await cli("dead-letters", "requeue", "1");
  expect([refused.code === 0, refused.stderr]).toEqual([false, expect.stringContaining("stands for ever")]);
  expect(refused.stderr).not.toMatch(/^\s+at /m);
  expect(json(await cli("--json", "dead-letters", "requeue", "2"))).toEqual({
    event: "dead-letter.requeued",
    sequence: 2,
  });
  expect((await worker.tasks.lease(testPool, 1, 10_000, never)).map((leased) => leased.task)).toEqual([open]);
  expect(json(await cli("--json", "dead-letters", "drop", "1"))).toEqual({ event: "dead-letter.dropped", sequence: 1 });
  expect((await cli("dead-letters", "list")).stdout).toContain("there are none");
  const gone = await cli("dead-letters", "show", "1");
  expect([gone.code === 0, gone.stderr]).toEqual([false, expect.stringContaining("there is no dead letter 1")]);
});
