// Requirements: 7.1.tls, 7.bad.expired-certificate, 7.bad.old-server
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectBus } from "@hindcast/shared/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { natsBinaryOptions } from "../../coordinator/src/local/binary-options.ts";
import { findNatsServer } from "../../coordinator/src/local/nats-binary.ts";
import { aCertificate, anExpiredCertificate } from "../support/certificate.ts";
import { anOldNatsServer } from "../support/old-nats-server.ts";

let folder: string;
const children: ChildProcess[] = [];

/** @returns the port that the server took, once it listens there */
async function serve(name: string, lines: string[]): Promise<number> {
  const config = join(folder, `${name}.conf`);
  await writeFile(config, ['listen: "127.0.0.1:-1"', ...lines].join("\n"));
  const binary = await findNatsServer(natsBinaryOptions(process.env, () => undefined));
  const child = spawn(binary, ["--config", config], { stdio: ["ignore", "ignore", "pipe"] });
  children.push(child);
  let log = "";
  for await (const bytes of child.stderr) {
    log += String(bytes);
    const port = /client connections on 127\.0\.0\.1:(\d+)/.exec(log)?.[1];
    if (port !== undefined && log.includes("Server is ready")) return Number(port);
  }
  throw new Error(`nats-server ended: ${log}`);
}

const connect = (url: string, caFile: string | null) =>
  connectBus({ servers: url, credentials: null, name: "test", caFile });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hindcast-tls-"));
  for (const name of ["ours", "others"]) {
    const { key, cert } = await aCertificate("localhost");
    await writeFile(join(folder, `${name}.key`), key);
    await writeFile(join(folder, `${name}.crt`), cert);
  }
});

afterAll(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, "exit");
    child.kill();
    await ended;
  }
  await rm(folder, { recursive: true });
});

it("trusts the authority that it is given and no other, and talks to nobody in clear", async () => {
  const [ours, others] = ["ours.crt", "others.crt"].map((name) => join(folder, name)) as [string, string];
  const key = join(folder, "ours.key");
  const encrypted = await serve("tls", [
    `tls { cert_file: ${JSON.stringify(ours)}, key_file: ${JSON.stringify(key)} }`,
    `jetstream { store_dir: ${JSON.stringify(join(folder, "data"))} }`,
  ]);
  const bus = await connect(`tls://localhost:${encrypted}`, ours);
  expect(await bus.ping()).toBeGreaterThanOrEqual(0);
  await bus.close();

  const unavailable = {
    code: "BUS_UNAVAILABLE",
    message: expect.stringMatching(/certificate.*; name the authority.*cluster\.natsCaFile/i) as string,
  };
  await expect(connect(`tls://localhost:${encrypted}`, others)).rejects.toMatchObject(unavailable);
  await expect(connect(`tls://localhost:${encrypted}`, null)).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });
  const clear = await serve("clear", []);
  await expect(connect(`tls://localhost:${clear}`, ours)).rejects.toMatchObject({
    code: "BUS_UNAVAILABLE",
    message: expect.stringMatching(/secure|tls/i) as string,
  });
});

it("says of a certificate that has expired that it has, and what to do", async () => {
  const { key, cert } = await anExpiredCertificate("localhost");
  const [keyFile, certFile] = ["old.key", "old.crt"].map((name) => join(folder, name)) as [string, string];
  await writeFile(keyFile, key);
  await writeFile(certFile, cert);
  const port = await serve("old", [
    `tls { cert_file: ${JSON.stringify(certFile)}, key_file: ${JSON.stringify(keyFile)} }`,
  ]);
  await expect(connect(`tls://localhost:${port}`, certFile)).rejects.toMatchObject({
    code: "BUS_UNAVAILABLE",
    message: expect.stringMatching(/certificate has expired\); give it a new certificate .*credentials\.sh/) as string,
  });
});

it("works with no server that would take what it does not know without a word", async () => {
  await using old = await anOldNatsServer();
  await expect(connect(`nats://127.0.0.1:${old.port}`, null)).rejects.toMatchObject({
    code: "BUS_UNAVAILABLE",
    message: expect.stringMatching(/nats-server 2\.9\.10, which is too old.*2\.12; upgrade it/) as string,
  });
});
