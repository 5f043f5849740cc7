// Answers `hindcast.retrieval.echo` with the request's bytes: the hop alone, by the same client code as the service.
import { connectBus } from "@hindcast/shared/node";
import { stampedAnswer, works } from "../harness/hop-stamps.ts";
import { connectionOf } from "../harness/nats-connection.ts";

const bus = await connectBus(connectionOf());
type Handle = (payload: Uint8Array) => Promise<Uint8Array>;
const echo: Handle = (payload) => Promise.resolve(payload);
const workedEcho: Handle = (payload) =>
  stampedAnswer(() => {
    works();
    return Promise.resolve(payload);
  });
await using _service = await bus.serveMicro({
  name: "bench-echo",
  version: "1.0.0",
  description: "Answers with the request.",
  metadata: {},
  endpoints: Object.entries({ echo, "worked-echo": workedEcho }).map(([name, handle]) => ({
    name,
    subject: `hindcast.retrieval.${name}`,
    metadata: {},
    handle,
  })),
});
console.log("ready");
await new Promise((resolve) => process.once("SIGTERM", resolve));
await bus.close();
