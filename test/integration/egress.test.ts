// The egress proxy between a client and real servers: what passes, what does not, and what is written down.
// Requirements: 6.6.rules, 6.6.addresses, 6.6.caps, 6.6.records
import { once } from "node:events";
import { text } from "node:stream/consumers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EgressLog, egressArtifact } from "../../rollout-agent/src/egress/egress-log.ts";
import { onlyTo } from "../../rollout-agent/src/egress/upstream.ts";
import { aProxy, aSite } from "./egress-fixture.ts";

const address = "127.0.0.1";

describe("an allowed request", () => {
  it("passes with method, path, query, body and answer, and is written down", async () => {
    const site = await aSite((_, response) => response.writeHead(201, { "x-answer": "yes" }).end("made"));
    const { get, records } = await aProxy({ rules: [{ via: "http", host: "shop.test", ports: [site.port], address }] });
    const headers = { "x-mine": "1", "proxy-authorization": "Basic eA==", connection: "x-hop", "x-hop": "1" };
    const answer = await get(`http://shop.test:${site.port}/a/b?q=1`, { method: "POST", body: "hello", headers });
    expect(answer).toMatchObject({ status: 201, body: "made" });
    expect(answer.headers["x-answer"]).toBe("yes");
    expect(site.asked).toMatchObject([{ method: "POST", url: "/a/b?q=1", body: "hello" }]);
    expect(site.asked[0]?.headers).toMatchObject({ host: `shop.test:${site.port}`, "x-mine": "1" });
    for (const name of ["proxy-authorization", "x-hop"]) expect(site.asked[0]?.headers).not.toHaveProperty(name);
    expect(records).toEqual([
      {
        v: 1,
        kind: "egress",
        at: expect.stringMatching(/^\d{4}-/) as string,
        via: "http",
        method: "POST",
        host: "shop.test",
        port: site.port,
        // Without the query: addresses of pages are no secrets, parameters often are.
        path: "/a/b",
        status: 201,
        sentBytes: expect.any(Number) as number,
        receivedBytes: expect.any(Number) as number,
        durationMs: expect.any(Number) as number,
        verdict: "allowed",
        reason: null,
      },
    ]);
    expect(records[0]?.sentBytes).toBeGreaterThan("hello".length);
  });

  it("is not followed where the host redirects it", async () => {
    const other = await aSite((_, response) => response.end("elsewhere"));
    const site = await aSite((_, response) =>
      response.writeHead(302, { location: `http://other.test:${other.port}/` }).end(),
    );
    const rules = [
      { via: "http", host: "shop.test", ports: [site.port], address },
      { via: "http", host: "other.test", ports: [other.port], address },
    ];
    const { get } = await aProxy({ rules });
    expect(await get(`http://shop.test:${site.port}/`)).toMatchObject({ status: 302 });
    expect(other.asked).toEqual([]);
  });

  it("fails with a reason where the host is not there", async () => {
    const { get, records } = await aProxy({ rules: [{ via: "http", host: "shop.test", ports: [1], address }] });
    const answer = await get("http://shop.test:1/");
    expect(answer).toMatchObject({ status: 502 });
    expect(answer.body).toContain("egress failed: connect ECONNREFUSED");
    expect(records).toMatchObject([{ verdict: "failed", status: null }]);
  });
});

describe("a request that no rule allows", () => {
  it.each([
    ["another host", "http://other.test:PORT/", "GET", "no rule allows requests to"],
    ["an address instead of a name", "http://127.0.0.1:PORT/", "GET", "no rule allows requests to"],
    ["another spelling of the address", "http://2130706433:PORT/", "GET", "no rule allows requests to"],
    ["another port", "http://shop.test:9/", "GET", "no rule allows port 9"],
    ["another method", "http://shop.test:PORT/", "DELETE", "no rule allows DELETE"],
    ["a name that only ends like it", "http://evilshop.test:PORT/", "GET", "no rule allows requests to"],
    ["a user in the URL", "http://shop.test:80@other.test:PORT/", "GET", "whole URLs"],
    ["a path alone", "/path", "GET", "whole URLs"],
  ])("is refused and reaches nobody: %s", async (_, url, method, reason) => {
    const site = await aSite((_request, response) => response.end());
    const rules = [{ via: "http", host: "shop.test", ports: [site.port], methods: ["GET"], address }];
    const { get, records } = await aProxy({ rules });
    const answer = await get(url.replace("PORT", String(site.port)), { method });
    expect([400, 403]).toContain(answer.status);
    expect(answer.body).toContain(reason);
    expect(site.asked).toEqual([]);
    expect(records).toMatchObject([{ verdict: "refused", method, status: null }]);
  });

  it.each([
    ["127.0.0.1"],
    ["169.254.169.254"],
    ["10.0.0.1"],
    ["::1"],
    ["::ffff:127.0.0.1"],
    // Both sides at once is how rebinding begins.
    ["93.184.215.14", "127.0.0.1"],
  ])("is refused where the name leads to %s", async (...addresses) => {
    const site = await aSite((_, response) => response.end());
    const asked: string[] = [];
    const resolve = (host: string): Promise<string[]> => {
      asked.push(host);
      return Promise.resolve(addresses);
    };
    const rules = [{ via: "http", host: "*.shop.test", ports: [site.port] }];
    const { get, records } = await aProxy({ rules }, { resolve });
    const answer = await get(`http://www.shop.test:${site.port}/`);
    expect(answer.status).toBe(403);
    expect(answer.body).toContain("no public address");
    expect(records).toMatchObject([{ verdict: "refused", host: "www.shop.test" }]);
    expect(asked).toEqual(["www.shop.test"]);
    expect(site.asked).toEqual([]);
  });

  it("is refused where a rule names a metadata address", async () => {
    const rules = [{ via: "http", host: "metadata.test", address: "169.254.169.254" }];
    const { get } = await aProxy({ rules });
    expect(await get("http://metadata.test/latest/")).toMatchObject({ status: 403 });
  });

  it("connects to the addresses that were checked, without asking for the name again", () => {
    const found: unknown[] = [];
    const lookup = onlyTo(["93.184.215.14", "2606:4700::1"]);
    lookup("shop.test", { all: true }, (error, addresses) => found.push(error, addresses));
    lookup("shop.test", {}, (error, one, family) => found.push(error, one, family));
    const all = [
      { address: "93.184.215.14", family: 4 },
      { address: "2606:4700::1", family: 6 },
    ];
    expect(found).toEqual([null, all, null, "93.184.215.14", 4]);
  });
});

describe("caps", () => {
  it("cut an answer, and refuse what comes after it", async () => {
    const site = await aSite((_, response) => response.end(Buffer.alloc(200_000, "x")));
    const rules = [{ via: "http", host: "shop.test", ports: [site.port], address, bytesMax: 50_000 }];
    const { get, records } = await aProxy({ rules });
    await expect(get(`http://shop.test:${site.port}/`)).rejects.toThrow();
    expect(await get(`http://shop.test:${site.port}/`)).toMatchObject({ status: 403 });
    expect(records).toMatchObject([
      { verdict: "cut" },
      { verdict: "refused", reason: "the allowed bytes are used up" },
    ]);
  });

  it("cut what is sent, the head of a request included", async () => {
    const site = await aSite((_, response) => response.end());
    const rules = [{ via: "http", host: "shop.test", ports: [site.port], address, bytesMax: 4_000 }];
    const { get, records } = await aProxy({ rules });
    const url = `http://shop.test:${site.port}/`;
    await get(url, { method: "POST", body: "x".repeat(100_000) }).catch(() => undefined);
    expect(records).toMatchObject([{ verdict: "cut" }]);
    expect(site.asked).toEqual([]);
    const second = await aProxy({ rules });
    for (let index = 0; index < 3; index += 1) await second.get(url, { headers: { "x-leak": "y".repeat(1_500) } });
    expect(second.records.map(({ verdict }) => verdict)).toEqual(["allowed", "allowed", "cut"]);
  });

  it("hold over all rules together", async () => {
    const site = await aSite((_, response) => response.end(Buffer.alloc(3_000)));
    const rules = ["a.test", "b.test"].map((host) => ({ via: "http", host, ports: [site.port], address }));
    const { get } = await aProxy({ rules, bytesMax: 5_000 });
    expect(await get(`http://a.test:${site.port}/`)).toMatchObject({ status: 200 });
    await get(`http://b.test:${site.port}/`).catch(() => undefined);
    expect(await get(`http://a.test:${site.port}/`)).toMatchObject({ status: 403 });
  });

  it("end a request that takes too long", async () => {
    const site = await aSite(() => undefined);
    const rules = [{ via: "http", host: "shop.test", ports: [site.port], address, timeMsMax: 200 }];
    const { get, records } = await aProxy({ rules });
    expect(await get(`http://shop.test:${site.port}/`)).toMatchObject({ status: 502 });
    expect(records).toMatchObject([{ verdict: "cut", reason: "it took longer than 200 ms" }]);
  });

  it("hold for the records of an episode, which say how many they leave out", () => {
    const log = new EgressLog();
    const record = { v: 1, kind: "egress", at: "2026-01-01T00:00:00.000Z", via: null, method: "GET" } as const;
    const rest = { host: "a", port: 80, path: "/", status: null, sentBytes: 0, receivedBytes: 0, durationMs: 0 };
    expect(egressArtifact(log.take())).toBeNull();
    for (let index = 0; index < 10_003; index += 1) log.add({ ...record, ...rest, verdict: "refused", reason: "no" });
    const artifact = egressArtifact(log.take());
    const lines = Buffer.from(artifact?.bytes ?? [])
      .toString("utf8")
      .trimEnd()
      .split("\n");
    expect(lines).toHaveLength(10_001);
    expect(lines.at(-1)).toBe('{"v":1,"kind":"egress-omitted","requests":3}');
    expect(log.take()).toEqual({ records: [], omitted: 0 });
  });

  it("hold for connections", async () => {
    const { raw } = await aProxy({ rules: [] });
    const sockets = await Promise.all(Array.from({ length: 65 }, () => raw()));
    const first = await Promise.race(sockets.map((socket) => once(socket, "close")));
    expect(first).toBeDefined();
    expect(sockets.filter((socket) => socket.closed)).toHaveLength(1);
  });
});

describe("requests that do not wait for answers", () => {
  it("open no connection each: a connection has two at a time, and then ends", async () => {
    let open = 0;
    let most = 0;
    const site = await aSite((_, response) => {
      most = Math.max(most, (open += 1));
      response.on("close", () => (open -= 1));
    });
    const { raw, records } = await aProxy({ rules: [{ via: "http", host: "shop.test", ports: [site.port], address }] });
    const socket = await raw();
    const closed = once(socket, "close");
    socket.on("error", () => undefined).resume();
    socket.write(`GET http://shop.test:${site.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(400));
    await closed;
    await expect.poll(() => records.length).toBe(3);
    expect(most).toBeLessThanOrEqual(2);
    expect(records.map(({ reason }) => reason)).toContain("more than 2 requests of a connection at a time");
  });
});

describe("bytes that are no honest request", () => {
  const port = "PORT";
  it.each([
    [
      "a length and chunks",
      `POST http://shop.test:${port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      "two lengths",
      `POST http://shop.test:${port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd`,
    ],
    [
      "a folded header",
      `GET http://shop.test:${port}/ HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n Transfer-Encoding: chunked\r\n\r\n`,
    ],
    ["a space before the colon", `GET http://shop.test:${port}/ HTTP/1.1\r\nHost: x\r\nContent-Length : 4\r\n\r\nabcd`],
    ["bare line feeds", `GET http://shop.test:${port}/ HTTP/1.1\nHost: x\n\n`],
    ["a head without end", `GET http://shop.test:${port}/ HTTP/1.1\r\nX: ${"y".repeat(20_000)}`],
    ["a binary greeting", "\u0005\u0001\u0000\u0003"],
  ])("reach nobody: %s", async (_, request) => {
    const site = await aSite((_request, response) => response.end());
    const { raw, records } = await aProxy({ rules: [{ via: "http", host: "shop.test", ports: [site.port], address }] });
    const socket = await raw();
    socket.end(Buffer.from(request.replace(port, String(site.port)), "latin1"));
    expect(await text(socket)).toMatch(/^(HTTP\/1\.1 400|$)/);
    expect(site.asked).toEqual([]);
    expect(records.every(({ verdict }) => verdict === "refused")).toBe(true);
  });

  it("hide no second request behind the first", async () => {
    const site = await aSite((_, response) => response.end("ok"));
    const { raw, records } = await aProxy({
      rules: [{ via: "http", host: "shop.test", ports: [site.port], methods: ["GET"], address }],
    });
    const socket = await raw();
    const url = `http://shop.test:${site.port}`;
    socket.write(
      `GET ${url}/one HTTP/1.1\r\nHost: other.test\r\n\r\nDELETE ${url}/two HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n`,
    );
    await text(socket);
    expect(site.asked.map(({ url: path }) => path)).toEqual(["/one"]);
    expect(site.asked[0]?.headers.host).toBe(`shop.test:${site.port}`);
    expect(records.map(({ verdict }) => verdict).toSorted()).toEqual(["allowed", "refused"]);
  });

  it("never get a request through that the rules do not allow, whatever they are", async () => {
    const site = await aSite((_, response) => response.end("ok"));
    const rules = [{ via: "http", host: "shop.test", ports: [site.port], methods: ["GET"], address }];
    const { raw, get } = await aProxy({ rules });
    const line = fc.oneof(
      fc.constantFrom(`GET http://shop.test:${site.port}/ok HTTP/1.1`, `PUT http://shop.test:${site.port}/no HTTP/1.1`),
      fc.constantFrom(
        "Host: a",
        "Content-Length: 3",
        "Transfer-Encoding: chunked",
        "Connection: keep-alive",
        "",
        "abc",
        "0",
      ),
      fc.string({ maxLength: 30 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 9 }), fc.constantFrom("\r\n", "\n", "\r"), async (lines, end) => {
        const socket = await raw();
        socket.on("error", () => socket.destroy());
        socket.end(Buffer.from(`${lines.join(end)}${end}${end}`, "utf8"));
        await text(socket).catch(() => "");
      }),
      { numRuns: 150 },
    );
    expect(site.asked.every(({ method, url }) => method === "GET" && url === "/ok")).toBe(true);
    expect(await get(`http://shop.test:${site.port}/ok`)).toMatchObject({ status: 200 });
  });
});
