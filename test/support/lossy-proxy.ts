// A TCP proxy in front of the server that can lose what the server says: the request arrives and takes effect, the
// answer does not come.
import { connect, createServer, type Socket } from "node:net";
import { once } from "node:events";

export interface LossyProxy extends AsyncDisposable {
  url: string;
  /** From now on answers are lost. */
  mute(): void;
  /** From now on nothing passes in either direction, and no connection is told: a network that came apart. */
  partition(): void;
  /** Cuts every connection; new ones are whole again. */
  cut(): void;
}

export async function aLossyProxy(target: string): Promise<LossyProxy> {
  const port = Number(new URL(target).port);
  const sockets = new Set<Socket>();
  let isMute = false;
  let isApart = false;
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on("data", (data) => {
      if (!isApart) upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (!isMute && !isApart) client.write(data);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    isMute = false;
    isApart = false;
  };
  return {
    url: `nats://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    mute: () => {
      isMute = true;
    },
    partition: () => {
      isApart = true;
    },
    cut,
    [Symbol.asyncDispose]: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
