// What is wrong around a process, told by the process itself: one line with the code, what it is and how to mend it, and an end
// that a supervisor sees. In a cluster: test/kubernetes/sections/faults.ts.
// Requirements: 7.bad.wrong-credential, 7.bad.unreachable, 7.bad.expired-certificate, 7.bad.old-server, 7.bad.two-versions
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { natsBinaryOptions } from "../../coordinator/src/local/binary-options.ts";
import { findNatsServer } from "../../coordinator/src/local/nats-binary.ts";
import { anExpiredCertificate } from "../support/certificate.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { anOldNatsServer } from "../support/old-nats-server.ts";
import { freePort } from "../support/prometheus.ts";
import { rawNats } from "../support/raw-nats.ts";

const root = new URL("../../", import.meta.url).pathname;
let folder: string;
let nats: TestNats;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hindcast-faults-"));
  nats = await aNatsServer();
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
});

afterAll(async () => {
  await nats[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

interface Line {
  level: string;
  event: string;
  code?: string;
  status?: string;
  msg?: string;
}

/** A coordinator, as its image starts it. */
async function coordinator(settings: Record<string, string>, password = "wrong") {
  const passwordFile = join(folder, "password");
  await writeFile(passwordFile, password);
  const child = spawn(process.execPath, ["--conditions=source", `${root}coordinator/src/main.ts`], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      PATH: process.env.PATH,
      HINDCAST_NATS_USER: "coordinator",
      HINDCAST_NATS_PASSWORD_FILE: passwordFile,
      ...settings,
    },
  });
  children.push(child);
  let said = "";
  child.stdout.on("data", (bytes: Buffer) => (said += bytes.toString()));
  const lines = (): Line[] =>
    said
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
  return { child, lines };
}

/** @returns its last word, once it has ended by itself with an error */
async function lastWord(settings: Record<string, string>): Promise<Line | undefined> {
  const { child, lines } = await coordinator(settings);
  const [code] = (await once(child, "close")) as [number | null];
  expect(code).toBe(1);
  return lines().find(({ event }) => event === "process.failed");
}

const failure = (code: string, msg: RegExp) => ({ level: "fatal", code, msg: expect.stringMatching(msg) as string });

it("a wrong password", async () => {
  const { servers } = nats.options("coordinator");
  expect(await lastWord({ HINDCAST_NATS_URL: servers })).toMatchObject(
    failure("BUS_FORBIDDEN", /refuses the user coordinator or its password .*; give the password that it knows/),
  );
});

it("a NATS that is not there", async () => {
  expect(await lastWord({ HINDCAST_NATS_URL: `nats://127.0.0.1:${await freePort()}` })).toMatchObject(
    failure("BUS_UNAVAILABLE", /cannot be reached \(.*refused\); is nats-server running there/),
  );
});

it("a port-forward whose NATS has gone", async () => {
  const forward = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(forward, "listening");
  const { port } = forward.address() as AddressInfo;
  try {
    expect(await lastWord({ HINDCAST_NATS_URL: `nats://127.0.0.1:${port}` })).toMatchObject(
      failure("BUS_UNAVAILABLE", /closed without a word\); start the port-forward or proxy in between anew/),
    );
  } finally {
    forward.close();
  }
});

it("a NATS that is too old", async () => {
  await using old = await anOldNatsServer();
  expect(await lastWord({ HINDCAST_NATS_URL: `nats://127.0.0.1:${old.port}` })).toMatchObject(
    failure("BUS_UNAVAILABLE", /nats-server 2\.9\.10, which is too old.*need 2\.12; upgrade it/),
  );
});

it("a certificate that has expired", async () => {
  const { key, cert } = await anExpiredCertificate("localhost");
  const [keyFile, certFile] = [join(folder, "old.key"), join(folder, "old.crt")];
  await writeFile(keyFile, key);
  await writeFile(certFile, cert);
  const port = await freePort();
  const config = join(folder, "expired.conf");
  await writeFile(config, `listen: "127.0.0.1:${port}"\ntls { cert_file: "${certFile}", key_file: "${keyFile}" }\n`);
  const binary = await findNatsServer(natsBinaryOptions(process.env, () => undefined));
  const server = spawn(binary, ["--config", config], { stdio: ["ignore", "ignore", "pipe"] });
  children.push(server);
  let log = "";
  server.stderr.on("data", (bytes: Buffer) => (log += bytes.toString()));
  await expect.poll(() => log).toContain("Server is ready");
  const settings = { HINDCAST_NATS_URL: `tls://localhost:${port}`, HINDCAST_NATS_CA_FILE: certFile };
  expect(await lastWord(settings)).toMatchObject(
    failure("BUS_UNAVAILABLE", /certificate has expired\); give it a new certificate .*credentials\.sh.* restart it/),
  );
});

it("a record of a later version is kept, warned of, and the work goes on", async () => {
  const { servers, credentials } = nats.options("coordinator");
  await nats.coordinator();
  await using raw = await rawNats(nats);
  const [subject, later] = ["$KV.CAMPAIGNS.c-later", '{"v":99,"kind":"of a later version"}'];
  await raw.jetstream.publish(subject, later);
  const { child, lines } = await coordinator({ HINDCAST_NATS_URL: servers }, credentials.password);
  const warned = () => lines().find(({ level, status }) => level === "warn" && status?.includes("CAMPAIGNS"));
  await expect.poll(warned).toMatchObject({
    event: "bus.status",
    status: expect.stringMatching(/^unreadable record in CAMPAIGNS: /) as string,
    msg: expect.stringMatching(/another version of Hindcast.*kubectl rollout undo/) as string,
  });
  await expect.poll(() => lines().some(({ event }) => event === "process.ready")).toBe(true);
  expect(child.exitCode).toBeNull();
  const stored = await raw.manager.streams.getMessage("KV_CAMPAIGNS", { last_by_subj: subject });
  expect(stored?.string()).toBe(later);
});
