// The simulated server behind a real socket and in real time: what is true of nats-server is asked of it by the very
// same tests, so that the simulation cannot drift from the truth.
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import type { Timeline } from "../time/scheduler.ts";
import { SimulatedNatsServer, type Wire } from "./nats-server.ts";

/** Real time. */
const realTime: Timeline = {
  get now() {
    return Date.now();
  },
  after: (delayMs, _process, run) => {
    const timer = setTimeout(() => {
      if (!event.isCancelled) run();
    }, delayMs);
    timer.unref();
    const event = { isCancelled: false };
    return event;
  },
};

export interface TcpServer {
  url: string;
  server: SimulatedNatsServer;
  stop(): Promise<void>;
}

export async function serveOverTcp(): Promise<TcpServer> {
  const server = new SimulatedNatsServer(realTime);
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    const wire: Wire = { name: "client", send: (bytes) => void socket.write(bytes) };
    socket.setNoDelay(true);
    socket.on("data", (bytes) => server.receive(wire, bytes));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      sockets.delete(socket);
      server.close(wire);
    });
    server.open(wire);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return {
    url: `nats://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    server,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
