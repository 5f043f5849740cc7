// TLS through the egress proxy: the host's name is all that the proxy sees of it, so that name must be the allowed one.
// Requirements: 6.6.tunnels
import { once } from "node:events";
import { request } from "node:http";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { connect as connectTls } from "node:tls";
import { beforeAll, describe, expect, it } from "vitest";
import { aCertificate, type TestCertificate } from "../support/certificate.ts";
import { aProxy, aSite, type TestProxy } from "./egress-fixture.ts";

const address = "127.0.0.1";
let tls: TestCertificate;

beforeAll(async () => {
  tls = await aCertificate("api.test", "other.test");
});

async function dig({ port }: TestProxy, authority: string): Promise<{ status: number; socket: Socket }> {
  const asked = request({ host: "127.0.0.1", port, method: "CONNECT", path: authority, agent: false });
  asked.end();
  const [answer, socket] = (await once(asked, "connect")) as [{ statusCode: number }, Socket];
  socket.on("error", () => socket.destroy());
  return { status: answer.statusCode, socket };
}

async function getThrough(socket: Socket, servername: string): Promise<string> {
  const client = connectTls({ socket, servername, ca: tls.cert });
  client.end(`GET /through HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`);
  return await text(client);
}

describe("a tunnel", () => {
  it("carries TLS between the sandbox and the host, end to end", async () => {
    const site = await aSite((_, response) => response.end("hello"), tls);
    const proxy = await aProxy({ rules: [{ via: "tunnel", host: "api.test", ports: [site.port], address }] });
    const { status, socket } = await dig(proxy, `api.test:${site.port}`);
    expect(status).toBe(200);
    expect(await getThrough(socket, "api.test")).toContain("hello");
    expect(site.asked).toMatchObject([{ method: "GET", url: "/through" }]);
    await expect
      .poll(() => proxy.records)
      .toMatchObject([
        {
          via: "tunnel",
          method: "CONNECT",
          host: "api.test",
          port: site.port,
          path: "",
          status: 200,
          verdict: "allowed",
        },
      ]);
    expect(proxy.records[0]?.receivedBytes).toBeGreaterThan(500);
  });

  it.each([
    ["another host", "other.test:PORT"],
    ["another port", "api.test:22"],
    ["an address", "127.0.0.1:PORT"],
    ["no port", "api.test"],
  ])("is not dug to %s", async (_, authority) => {
    const site = await aSite((_request, response) => response.end(), tls);
    const proxy = await aProxy({ rules: [{ via: "tunnel", host: "api.test", ports: [site.port], address }] });
    const { status, socket } = await dig(proxy, authority.replace("PORT", String(site.port)));
    expect([400, 403]).toContain(status);
    socket.destroy();
    expect(proxy.records).toMatchObject([{ verdict: "refused", status: null }]);
  });

  it("is not dug where only requests are allowed, and requests do not pass where only tunnels are", async () => {
    const site = await aSite((_, response) => response.end(), tls);
    const requests = await aProxy({ rules: [{ via: "https", host: "api.test", ports: [site.port], address }] });
    expect((await dig(requests, `api.test:${site.port}`)).status).toBe(403);
    const tunnels = await aProxy({ rules: [{ via: "tunnel", host: "api.test", ports: [site.port], address }] });
    expect(await tunnels.get(`http://api.test:${site.port}/`)).toMatchObject({ status: 403 });
  });

  it("ends where the name in the greeting is another than the one it was dug for", async () => {
    const site = await aSite((_, response) => response.end(), tls);
    const proxy = await aProxy({ rules: [{ via: "tunnel", host: "api.test", ports: [site.port], address }] });
    const { socket } = await dig(proxy, `api.test:${site.port}`);
    expect(await getThrough(socket, "other.test").catch(() => "")).toBe("");
    expect(site.asked).toEqual([]);
    expect(proxy.records).toMatchObject([
      { verdict: "refused", reason: expect.stringContaining("other.test") as string },
    ]);
  });

  it("ends where something else than TLS is spoken", async () => {
    const site = await aSite((_, response) => response.end());
    const proxy = await aProxy({ rules: [{ via: "tunnel", host: "api.test", ports: [site.port], address }] });
    const { socket } = await dig(proxy, `api.test:${site.port}`);
    socket.write("GET / HTTP/1.1\r\nHost: api.test\r\n\r\n");
    expect(await text(socket)).toBe("");
    expect(site.asked).toEqual([]);
    expect(proxy.records).toMatchObject([{ verdict: "refused" }]);
  });

  it("is cut at its bytes and at its time", async () => {
    const site = await aSite((_, response) => response.end(Buffer.alloc(100_000)), tls);
    const rule = { via: "tunnel", host: "api.test", ports: [site.port], address };
    const small = await aProxy({ rules: [{ ...rule, bytesMax: 20_000 }] });
    await getThrough((await dig(small, `api.test:${site.port}`)).socket, "api.test").catch(() => "");
    await expect.poll(() => small.records).toMatchObject([{ verdict: "cut" }]);
    const short = await aProxy({ rules: [{ ...rule, timeMsMax: 200 }] });
    const { socket } = await dig(short, `api.test:${site.port}`);
    await text(socket).catch(() => "");
    expect(short.records).toMatchObject([{ verdict: "cut", reason: "it took longer than 200 ms" }]);
  });
});
