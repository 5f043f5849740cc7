// The way out of a sandbox of any driver: with programs as they are, through the proxy, and no other way.
// Requirements: 6.6.sandbox, 6.6.records
import { once } from "node:events";
import { createServer } from "node:http";
import { type EgressRecord, NetworkPolicy } from "@hindcast/shared";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeSandbox, never, openSandbox, type TestSandbox } from "./sandbox-fixture.ts";

const site = createServer((request, response) => {
  request.resume();
  if (request.url === "/large") response.end(Buffer.alloc(3_000_000, "x"));
  else response.end(`hello ${request.method} ${String(request.headers.authorization)}\n`);
});
let port = 0;

beforeAll(async () => {
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  const address = site.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
});

afterAll(() => {
  site.closeAllConnections();
  site.close();
});

/** `python3 ask.py METHOD URL`: a program that has never heard of a proxy. */
const ask = `import sys, urllib.request, urllib.error
try:
    answer = urllib.request.urlopen(urllib.request.Request(sys.argv[2], method=sys.argv[1]))
except urllib.error.HTTPError as error:
    answer = error
except OSError as error:
    print(error)
    sys.exit(1)
sys.stdout.buffer.write(answer.read())
`;

async function open(): Promise<TestSandbox & { records: EgressRecord[] }> {
  const records: EgressRecord[] = [];
  const rules = [{ via: "http", host: "shop.test", ports: [port], methods: ["GET"], address: "127.0.0.1" }];
  const box = await openSandbox(
    {},
    { network: NetworkPolicy.parse({ kind: "proxy", rules }), onEgress: (record) => records.push(record) },
  );
  await box.sandbox.writeFile("ask.py", Buffer.from(ask));
  return { ...box, records };
}

describeSandbox("a sandbox with an egress policy", () => {
  it("lets programs reach what is allowed, without knowing of a proxy", async () => {
    const { records, run } = await open();
    expect((await run(`python3 ask.py GET http://shop.test:${port}/`)).text).toBe("hello GET undefined\n");
    expect((await run(`python3 ask.py GET http://shop.test:${port}/large | wc -c`)).text).toBe("3000000\n");
    await expect.poll(() => records.length).toBe(2);
    expect(records.map(({ verdict }) => verdict)).toEqual(["allowed", "allowed"]);
    expect(records[1]?.receivedBytes).toBeGreaterThan(3_000_000);
    const { text } = await run(`command -v curl > /dev/null || exit 3; curl -sS http://shop.test:${port}/`);
    expect(["", "hello GET undefined\n"]).toContain(text);
  });

  it("refuses the rest with a reason, and writes that down", async () => {
    const { records, run } = await open();
    const refused = [
      [`DELETE http://shop.test:${port}/`, "egress refused: no rule allows DELETE"],
      [`GET http://127.0.0.2:${port}/`, "egress refused: no rule allows requests"],
      ["GET http://169.254.169.254/latest/meta-data/", "egress refused: no rule allows requests"],
      ["GET https://pypi.org/simple/", "403"],
    ];
    for (const [request = "", said] of refused) expect((await run(`python3 ask.py ${request}`)).text).toContain(said);
    expect(records.map(({ verdict }) => verdict)).toEqual(["refused", "refused", "refused", "refused"]);
  });

  it("has no other way", async () => {
    const { records, run } = await open();
    expect((await run(`no_proxy='*' python3 ask.py GET http://127.0.0.1:${port}/`)).text).toContain("refused");
    // gVisor says it in other words.
    expect((await run("exec 3<>/dev/tcp/1.1.1.1/53")).text).toMatch(/Network is unreachable|No route to host/);
    expect((await run("cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '")).text).toContain("lo\n");
    expect(records).toEqual([]);
  });

  it("keeps its way after everything inside was killed, and after a restore", async () => {
    const { sandbox, run } = await open();
    const image = await sandbox.snapshot(2 ** 24, never);
    await run("kill -9 -1");
    await sandbox.restore(image ?? new Uint8Array(), never);
    expect((await run(`python3 ask.py GET http://shop.test:${port}/`)).text).toBe("hello GET undefined\n");
  });

  it("serves many connections at once, and none holds up a command", async () => {
    const { run } = await open();
    const script = `for i in $(seq 10); do python3 ask.py GET http://shop.test:${port}/large | wc -c & done; wait`;
    expect((await run(script)).text).toBe("3000000\n".repeat(10));
  });
});

describeSandbox("a sandbox without a policy", () => {
  it("has no proxy to ask", async () => {
    const { run } = await openSandbox();
    const { text } = await run("env | grep -ci proxy; (exec 3<>/dev/tcp/127.0.0.1/3128) 2>&1");
    expect(text).toMatch(/^0\n.*Connection refused/);
  });
});
