// The client library itself, as the coordinator's user: for arranging what our bus never does, and for showing what the
// library and the server do when one is not careful.
import { type JetStreamClient, jetstream, type JetStreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection, nanos } from "@nats-io/transport-node";
import { streams, taskConsumer } from "@hindcast/shared";
import { type TestNats, testPool } from "./nats-server.ts";

export interface RawNats extends AsyncDisposable {
  nats: NatsConnection;
  jetstream: JetStreamClient;
  manager: JetStreamManager;
}

export async function rawNats(
  fixture: TestNats,
  user: Parameters<TestNats["options"]>[0] = "coordinator",
): Promise<RawNats> {
  const { servers, credentials, inboxPrefix } = fixture.options(user);
  const nats = await connect({ servers, user: credentials.user, pass: credentials.password, inboxPrefix });
  const client = jetstream(nats);
  return {
    nats,
    jetstream: client,
    manager: await client.jetstreamManager(false),
    [Symbol.asyncDispose]: () => nats.close(),
  };
}

/** Redelivery within a test's patience; production waits a minute. */
export async function shortenAckWait(
  { manager }: RawNats,
  ackWaitMs: number,
  more: object = {},
  pool = testPool,
): Promise<void> {
  await manager.consumers.update(streams.tasks, taskConsumer(pool), { ack_wait: nanos(ackWaitMs), ...more });
}
