// A server that greets as Debian's nats-server 2.9.10 does and answers PING: one of that age cannot be had everywhere.
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

const info = {
  server_id: "N",
  server_name: "debian",
  version: "2.9.10",
  proto: 1,
  jetstream: true,
  headers: true,
  max_payload: 1_048_576,
};

export async function anOldNatsServer(host = "127.0.0.1"): Promise<AsyncDisposable & { port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (bytes) => bytes.toString().includes("PING") && socket.write("PONG\r\n"));
    socket.write(`INFO ${JSON.stringify(info)} \r\n`);
  });
  server.listen(0, host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
