// TLS that ends at the egress proxy, for clients of package registries: they ask https as ever, and the proxy sees methods
// and paths, and proves the operator to the registry.
// Requirements: 6.9.isolated-fetch
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { connect as connectTls } from "node:tls";
import { beforeAll, describe, expect, it } from "vitest";
import { registryCertificate } from "../../rollout-agent/src/environment/swe-bench/registries/registry-certificate.ts";
import { aCertificate, type TestCertificate } from "../support/certificate.ts";
import { aProxy, aSite, type TestProxy } from "./egress-fixture.ts";

const never = new AbortController().signal;
const secret = "a-token-of-the-operator";
let tls: TestCertificate;
let opened: Awaited<ReturnType<typeof registryCertificate>>;

beforeAll(async () => {
  tls = await aCertificate("registry.test");
  opened = await registryCertificate(["registry.test", "other.test"], never);
});

async function aRegistry(credentials: ReadonlyMap<string, { scheme: string; secret: string }> = new Map()) {
  const site = await aSite((incoming, response) => {
    response.end(`${incoming.method} ${incoming.url} as ${incoming.headers.authorization ?? "nobody"}`);
  }, tls);
  const rules = [
    { via: "https", host: "registry.test", ports: [site.port], methods: ["GET", "HEAD"], address: "127.0.0.1" },
    { via: "http", host: "other.test", ports: [site.port], methods: ["GET"], address: "127.0.0.1" },
  ];
  const proxy = await aProxy({ rules }, { opened, credentials, extraCertificates: [tls.cert] });
  return { site, proxy };
}

interface Asking {
  authority: string;
  path?: string;
  method?: string;
  headers?: Record<string, string>;
}

/** As npm or pip would: CONNECT, TLS with the authority alone trusted, and a request inside. */
async function ask(proxy: TestProxy, { authority, path = "/pkg?x=1", method = "GET", headers = {} }: Asking) {
  const asked = request({ host: "127.0.0.1", port: proxy.port, method: "CONNECT", path: authority, agent: false });
  asked.end();
  const [answer, socket] = (await once(asked, "connect")) as [{ statusCode: number }, Socket];
  if (answer.statusCode !== 200) {
    socket.destroy();
    return { status: answer.statusCode, body: "", subject: null };
  }
  const host = authority.split(":")[0] ?? "";
  const inner = connectTls({ socket, ca: [opened.authority], servername: host });
  const sent = request({ host, path, method, headers, createConnection: () => inner });
  sent.end();
  const [incoming] = (await once(sent, "response")) as [IncomingMessage];
  const body = await text(incoming);
  socket.destroy();
  return { status: incoming.statusCode, body };
}

describe("TLS that the proxy opens", () => {
  it("carries what a rule allows, and the record has method and path", async () => {
    const { site, proxy } = await aRegistry();
    const answer = await ask(proxy, {
      authority: `registry.test:${site.port}`,
      headers: { authorization: "Bearer own" },
    });
    expect(answer).toEqual({ status: 200, body: "GET /pkg?x=1 as Bearer own" });
    expect(proxy.records).toMatchObject([
      { via: "https", method: "GET", host: "registry.test", port: site.port, path: "/pkg", verdict: "allowed" },
    ]);
  });

  it("carries no other method", async () => {
    const { site, proxy } = await aRegistry();
    const answer = await ask(proxy, { authority: `registry.test:${site.port}`, method: "PUT" });
    expect(answer).toMatchObject({ status: 403, body: "egress refused: no rule allows PUT to registry.test\n" });
    expect(site.asked).toEqual([]);
  });

  it("leads to the host that was asked for, whatever is said inside", async () => {
    const { site, proxy } = await aRegistry();
    const authority = `registry.test:${site.port}`;
    const elsewhere = await ask(proxy, {
      authority,
      path: `http://other.test:${site.port}/`,
      headers: { host: "other.test" },
    });
    expect(elsewhere).toMatchObject({ status: 400 });
    const renamed = await ask(proxy, { authority, headers: { host: "other.test" } });
    expect(renamed.status).toBe(200);
    expect(site.asked.map(({ headers }) => headers.host)).toEqual([authority]);
  });

  it("is not opened for other hosts, nor for plain ones", async () => {
    const { site, proxy } = await aRegistry();
    for (const authority of [`stranger.test:${site.port}`, `other.test:${site.port}`, "registry.test:1"]) {
      expect((await ask(proxy, { authority })).status).toBe(403);
    }
    expect(proxy.records.map(({ verdict }) => verdict)).toEqual(["refused", "refused", "refused"]);
  });

  it("puts the operator's credential in place of what was sent, and takes it out of the answer", async () => {
    const { site, proxy } = await aRegistry(new Map([["registry.test", { scheme: "Bearer", secret }]]));
    const authority = `registry.test:${site.port}`;
    const answer = await ask(proxy, { authority, headers: { authorization: "Bearer own" } });
    expect(site.asked[0]?.headers.authorization).toBe(`Bearer ${secret}`);
    expect(answer.body).toBe("GET /pkg?x=1 as Bearer hindcast-secret-registry");
    expect(JSON.stringify(proxy.records)).not.toContain(secret);
  });
});
