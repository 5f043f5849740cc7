// What the server and its client library do when one is not careful: the reasons for how the bus is built. A test that
// fails after an upgrade says which of our precautions is no longer needed, or no longer enough.
// Requirements: 3.3.traps, 3.3.write-once, 3.3.dead-letters
import { RetentionPolicy } from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import type { TaskId, WorkerId } from "@hindcast/shared";
import { streams, subjects } from "@hindcast/shared";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anEpisodeEnded, task } from "../support/messages.ts";
import { aNatsServer, type TestNats, testPool } from "../support/nats-server.ts";
import { type RawNats, rawNats } from "../support/raw-nats.ts";

const never = new AbortController().signal;

describe("JetStream and its client", () => {
  let nats: TestNats;
  let raw: RawNats;

  beforeAll(async () => {
    nats = await aNatsServer();
    raw = await rawNats(nats);
    await nats.coordinator();
  });
  afterAll(async () => {
    await raw[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });

  it("check the expected sequence before the message id: a retry of a stored write is refused as a conflict with itself", async () => {
    const write = () =>
      raw.jetstream.publish("$KV.CAMPAIGNS.cas", "x", { msgID: "same", expect: { lastSubjectSequence: 0 } });
    const { seq } = await write();
    await expect(write()).rejects.toMatchObject({ code: 10071 });
    const last = await raw.manager.streams.getMessage("KV_CAMPAIGNS", { last_by_subj: "$KV.CAMPAIGNS.cas" });
    expect([last?.seq, last?.header.get("Nats-Msg-Id")]).toEqual([seq, "same"]);
  });

  it("answer duplicate for an id whose message was consumed and removed: it would be lost", async () => {
    const bus = await nats.connect("w-1" as WorkerId);
    const subject = subjects.task(testPool, task(1).campaignId, task(1).taskId);
    const publish = (msgID: string) => raw.jetstream.publish(subject, JSON.stringify(task(1)), { msgID });
    await publish("task-1");
    const [leased] = await bus.tasks.lease(testPool, 1, 1_000, never);
    await leased?.done();
    expect((await publish("task-1")).duplicate).toBe(true);
    expect((await raw.manager.streams.info(streams.tasks)).state.messages).toBe(0);
    expect((await publish("task-1:2")).duplicate).toBe(false);
    await raw.manager.streams.purge(streams.tasks);
  });

  it("do not remember the id of a message that discard-new refused", async () => {
    const subject = subjects.result(anEpisodeEnded().campaignId, "task-refused" as TaskId);
    await raw.jetstream.publish(subject, "first", { msgID: "a" });
    for (const _ of [1, 2]) {
      await expect(raw.jetstream.publish(subject, "second", { msgID: "b" })).rejects.toMatchObject({ code: 10077 });
    }
  });

  it("refuse two work-queue consumers with overlapping filters, which is why a pool has a subject token", async () => {
    const overlapping = raw.manager.consumers.add(streams.tasks, {
      durable_name: "other",
      filter_subject: "hindcast.task.shell.c-0001.>",
      ack_policy: "explicit",
    });
    await expect(overlapping).rejects.toMatchObject({ code: 10100 });
  });

  it("never try an unconfirmed acknowledgement again", async () => {
    const coordinator = await nats.connect("coordinator");
    await coordinator.tasks.publish(task("ack"), never);
    const consumer = await raw.jetstream.consumers.get(streams.tasks, "workers-shell");
    const message = await consumer.next({ expires: 2_000 });
    process.kill(nats.server.pid, "SIGSTOP");
    try {
      await expect(message?.ackAck({ timeout: 300 })).rejects.toThrow();
    } finally {
      process.kill(nats.server.pid, "SIGCONT");
    }
    // The second call sends nothing and says false.
    expect(await message?.ackAck({ timeout: 300 })).toBe(false);
  });

  it("let ours try again until the server confirms", async () => {
    const coordinator = await nats.connect("coordinator");
    const worker = await nats.connect("w-2" as WorkerId);
    await coordinator.tasks.publish(task("ack2"), never);
    const [leased] = await worker.tasks.lease(testPool, 1, 2_000, never);
    process.kill(nats.server.pid, "SIGSTOP");
    const done = leased?.done();
    setTimeout(() => process.kill(nats.server.pid, "SIGCONT"), 500);
    expect(await done).toBe(true);
  });

  it("make a marker's lifetime a floor for every message where a key has history", async () => {
    const config = {
      name: "KV_HISTORY",
      subjects: ["$KV.HISTORY.>"],
      retention: RetentionPolicy.Limits,
      allow_msg_ttl: true,
      subject_delete_marker_ttl: nanos(4_000),
    };
    await raw.manager.streams.add({ ...config, max_msgs_per_subject: 3 });
    await raw.jetstream.publish("$KV.HISTORY.a", "x", { ttl: "1s" });
    await raw.jetstream.publish("$KV.LEASES.floor", "x", { ttl: "1s" });
    const exists = async (stream: string, subject: string) => {
      const message = await raw.manager.streams.getMessage(stream, { last_by_subj: subject });
      return message !== null && message.header.get("Nats-Marker-Reason") === "";
    };
    await expect.poll(() => exists("KV_LEASES", "$KV.LEASES.floor"), { timeout: 5_000 }).toBe(false);
    expect(await exists("KV_HISTORY", "$KV.HISTORY.a")).toBe(true);
    await raw.manager.streams.delete("KV_HISTORY");
  });

  it("refuse unknown fields of a configuration instead of dropping them", async () => {
    const unknown = { name: "STRICT", subjects: ["strict"], replicas: 1 };
    await expect(raw.manager.streams.add(unknown)).rejects.toMatchObject({ code: 10025 });
  });
});
