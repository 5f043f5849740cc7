// Requirements: 7.1.tls
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectBus } from "@hindcast/shared/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { natsBinaryOptions } from "../../coordinator/src/local/binary-options.ts";
import { findNatsServer } from "../../coordinator/src/local/nats-binary.ts";
import { aCertificate } from "../support/certificate.ts";

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

  const unavailable = { code: "BUS_UNAVAILABLE", message: expect.stringMatching(/certificate/i) as string };
  await expect(connect(`tls://localhost:${encrypted}`, others)).rejects.toMatchObject(unavailable);
  await expect(connect(`tls://localhost:${encrypted}`, null)).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });
  const clear = await serve("clear", []);
  await expect(connect(`tls://localhost:${clear}`, ours)).rejects.toMatchObject({
    code: "BUS_UNAVAILABLE",
    message: expect.stringMatching(/secure|tls/i) as string,
  });
});
