// Answers `hindcast.retrieval.echo` with the request's bytes: the hop alone, by the same client code as the service.
import { connectBus } from "@hindcast/shared/node";
import { connectionOf } from "../harness/nats-connection.ts";

const bus = await connectBus(connectionOf());
await using _service = await bus.serveMicro({
  name: "bench-echo",
  version: "1.0.0",
  description: "Answers with the request.",
  metadata: {},
  endpoints: [
    { name: "echo", subject: "hindcast.retrieval.echo", metadata: {}, handle: (payload) => Promise.resolve(payload) },
  ],
});
console.log("ready");
await new Promise((resolve) => process.once("SIGTERM", resolve));
await bus.close();
