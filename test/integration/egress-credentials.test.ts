// Secrets that the proxy puts into requests: where they go, and that they come back in no form.
// Requirements: 6.6.credentials
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { aCertificate, type TestCertificate } from "../support/certificate.ts";
import { aProxy, aSite } from "./egress-fixture.ts";

const address = "127.0.0.1";
const secret = "s3cr3t-of-the-operator";
const placeholder = "hindcast-secret-api-key";
let tls: TestCertificate;

beforeAll(async () => {
  tls = await aCertificate("api.test");
});

describe("a credential", () => {
  const rule = (port: number, more: object = {}): object => ({
    via: "https",
    host: "api.test",
    ports: [port],
    address,
    credential: { secret: "api-key", header: "authorization" },
    ...more,
  });
  const extra = (): object => ({ secrets: new Map([["api-key", secret]]), extraCertificates: [tls.cert] });

  it("takes the placeholder's place on the way to its host alone, and never comes back", async () => {
    const site = await aSite((request, response) => {
      response.setHeader("x-echo", String(request.headers.authorization));
      response.write(`you sent ${String(request.headers.authorization).slice(0, 12)}`);
      response.end(`${String(request.headers.authorization).slice(12)}, ${String(request.headers["x-other"])}`);
    }, tls);
    const { get, records } = await aProxy({ rules: [rule(site.port)] }, extra());
    const headers = { authorization: `Bearer ${placeholder}`, "x-other": placeholder, "accept-encoding": "gzip" };
    const answer = await get("http://api.test/v1/models", { headers });
    expect(site.asked[0]?.headers).toMatchObject({
      authorization: `Bearer ${secret}`,
      "x-other": placeholder,
      "accept-encoding": "identity",
      host: `api.test:${site.port}`,
    });
    expect(answer.body).toBe(`you sent Bearer ${placeholder}, ${placeholder}`);
    expect(answer.headers["x-echo"]).toBe(`Bearer ${placeholder}`);
    expect(JSON.stringify({ answer, records })).not.toContain(secret);
    expect(records).toMatchObject([{ via: "https", port: site.port, status: 200, verdict: "allowed" }]);
  });

  it("is not given to whoever has no certificate for the name", async () => {
    const other = await aCertificate("other.test");
    const site = await aSite((_, response) => response.end(), other);
    const { get } = await aProxy({ rules: [rule(site.port)] }, { ...extra(), extraCertificates: [other.cert] });
    expect(await get("http://api.test/", { headers: { authorization: placeholder } })).toMatchObject({ status: 502 });
    expect(site.asked).toEqual([]);
  });

  it("ends an answer that is compressed in spite of the request", async () => {
    const site = await aSite((request, response) => {
      response.setHeader("content-encoding", "gzip");
      response.end(gzipSync(String(request.headers.authorization)));
    }, tls);
    const { get } = await aProxy({ rules: [rule(site.port)] }, extra());
    const answer = await get("http://api.test/", { headers: { authorization: placeholder } });
    expect(answer).toMatchObject({ status: 502 });
    expect(answer.body).toContain("compresses its answer");
  });

  it("comes back in no part of an answer: a part of it would not be known for one", async () => {
    const site = await aSite((request, response) => {
      const echo = `you sent ${String(request.headers.authorization)}`;
      const [, from, to] = /bytes=(\d+)-(\d+)/.exec(String(request.headers.range ?? request.headers["x-part"])) ?? [];
      if (from === undefined) response.end(echo);
      else response.writeHead(206).end(echo.slice(Number(from), Number(to) + 1));
    }, tls);
    const { get } = await aProxy({ rules: [rule(site.port)] }, extra());
    const authorization = `Bearer ${placeholder}`;
    const whole = await get("http://api.test/", { headers: { authorization, range: "bytes=0-20", "if-range": "x" } });
    expect(whole).toMatchObject({ status: 200, body: `you sent Bearer ${placeholder}` });
    // A host that gives parts unasked.
    const part = await get("http://api.test/", { headers: { authorization, "x-part": "bytes=0-20" } });
    expect(part).toMatchObject({ status: 502 });
    expect(part.body).toContain("answers with a part");
  });

  it("is put in as it is, and ends an answer whose transfer is compressed", async () => {
    const odd = "pa$$word$&with'signs";
    const site = await aSite((request, response) => {
      if (request.headers["x-zip"] === undefined) return void response.end(request.headers.authorization);
      response.writeHead(200, { "transfer-encoding": "gzip, chunked" });
      response.end(gzipSync(String(request.headers.authorization)));
    }, tls);
    const { get } = await aProxy({ rules: [rule(site.port)] }, { ...extra(), secrets: new Map([["api-key", odd]]) });
    const headers = { authorization: placeholder };
    expect(await get("http://api.test/", { headers })).toMatchObject({ status: 200, body: placeholder });
    expect(site.asked[0]?.headers.authorization).toBe(odd);
    const zipped = await get("http://api.test/", { headers: { ...headers, "x-zip": "1" } });
    expect(zipped).toMatchObject({ status: 502 });
  });

  it.each(["", "line\n", "schlüssel"])("that no header can hold is an error before anything runs: %j", async (bad) => {
    await expect(aProxy({ rules: [rule(443)] }, { secrets: new Map([["api-key", bad]]) })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("printable ASCII") as string,
    });
  });

  it("that the agent does not have is an error before anything runs", async () => {
    const policy = { rules: [rule(443)] };
    await expect(aProxy(policy)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("HINDCAST_EGRESS_SECRETS_FILE") as string,
    });
  });

  it("leaves methods to be chosen, because the proxy speaks the TLS", async () => {
    const site = await aSite((_, response) => response.end(), tls);
    const { get } = await aProxy({ rules: [rule(site.port, { methods: ["GET"] })] }, extra());
    expect(await get("http://api.test/")).toMatchObject({ status: 200 });
    expect(await get("http://api.test/", { method: "POST", body: "x" })).toMatchObject({ status: 403 });
  });
});
