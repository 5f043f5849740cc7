// The way out of a browser's sandbox, asked by something that is no browser.
// Requirements: 6.11.isolation
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { type AddressInfo, connect, createServer as createListener, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, it } from "vitest";
import { EgressGate } from "./egress-gate.ts";

let cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
  cleanups = [];
});

async function portOf(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Says `request` to a gate for the site's origin; the answer until either end closes. */
async function ask(port: number, request: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "hindcast-gate-"));
  cleanups.push(() => rm(folder, { recursive: true }));
  const gate = new EgressGate({ origins: [`http://127.0.0.1:${port}`, "https://127.0.0.1"], folders: new Map() });
  cleanups.push(() => gate[Symbol.asyncDispose]());
  const path = join(folder, "gate");
  await gate.listen(path);
  const socket = connect(path);
  socket.write(request);
  return await text(socket);
}

async function aSite(answer: RequestListener): Promise<{ port: number; asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = [];
  const site = createServer((incoming, outgoing) => {
    asked.push(incoming);
    answer(incoming, outgoing);
  });
  cleanups.push(() => site.closeAllConnections());
  return { port: await portOf(site), asked };
}

describe("the gate of a browser's sandbox", () => {
  it.each(["HTTP/1.1 000 None", "HTTP/1.1 200 OK\r\nTrailer: Digest"])(
    "outlives a site that answers %j",
    async (head) => {
      const answer = `${head}\r\nContent-Length: 0\r\n\r\n`;
      const port = await portOf(createListener((socket) => void socket.once("data", () => socket.end(answer))));
      const said = await ask(port, `GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(said).toMatch(/^HTTP\/1\.1 (200|502) /);
    },
  );

  it("outlives a browser that announces trailers for a body that has none", async () => {
    const { port } = await aSite((_, outgoing) => outgoing.end("here"));
    const head = `GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\nTrailer: x\r\nConnection: close\r\n\r\n`;
    expect(await ask(port, head)).toMatch(/^HTTP\/1\.1 200 /);
  });

  it.each(["/:PORT", "?:PORT", "#:PORT", "/a/b?c#d:PORT", ":443/:PORT"])(
    "leads to the port that was checked, and not to one behind the address: %s",
    async (rest) => {
      const visited: number[] = [];
      const port = await portOf(createListener((socket) => (visited.push(1), socket.end("reached"))));
      const { port: allowed } = await aSite((_, outgoing) => outgoing.end());
      const said = await ask(
        allowed,
        `CONNECT 127.0.0.1${rest.replace("PORT", String(port))} HTTP/1.1\r\nHost: x\r\n\r\n`,
      );
      expect(said).not.toContain("reached");
      expect(visited).toEqual([]);
    },
  );

  it("tells the site its own name and nothing that is between the two of them", async () => {
    const { port, asked } = await aSite((_, outgoing) => outgoing.end("well"));
    const headers = "Host: admin.internal\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nX-Mine: 2\r\n";
    const said = await ask(port, `GET http://127.0.0.1:${port}/a HTTP/1.1\r\n${headers}\r\n`);
    expect(said).toContain("well");
    expect(asked.map(({ url }) => url)).toEqual(["/a"]);
    expect(asked[0]?.headers).toMatchObject({ host: `127.0.0.1:${port}`, "x-mine": "2" });
    expect(asked[0]?.headers).not.toHaveProperty("x-hop");
  });

  it("lets no site speak with its own voice", async () => {
    const { port } = await aSite((_, outgoing) => outgoing.setHeader("X-Hindcast-Gate", "denied").end("well"));
    const said = await ask(port, `GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(said).toContain("well");
    expect(said.toLowerCase()).not.toContain("x-hindcast-gate");
  });
});
