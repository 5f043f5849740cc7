// Each way in which a NATS server will not do, on a real one where a real one can be made so.
// Requirements: 7.10.preflight-nats, 7.bad.wrong-credential, 7.bad.unreachable, 7.bad.full-volume
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DiscardPolicy } from "@nats-io/jetstream";
import type { WorkerId } from "@hindcast/shared";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { natsBinaryOptions } from "../../coordinator/src/local/binary-options.ts";
import { findNatsServer } from "../../coordinator/src/local/nats-binary.ts";
import { natsFindings, type NatsAccess } from "../../coordinator/src/preflight/nats/nats-findings.ts";
import type { Finding } from "../../coordinator/src/report/finding.ts";
import { aCertificate, anExpiredCertificate } from "../support/certificate.ts";
import { hindcast } from "../support/hindcast.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { anOldNatsServer } from "../support/old-nats-server.ts";
import { rawNats } from "../support/raw-nats.ts";

let folder: string;
let nats: TestNats;
const children: ChildProcess[] = [];

const at = (servers: string, more: Partial<NatsAccess> = {}): Promise<Finding[]> =>
  natsFindings({ servers, user: null, password: "", caFile: null, role: null, ...more });

function as(user: "coordinator" | "index-core" | "client" | WorkerId, more: Partial<NatsAccess> = {}) {
  const { servers, credentials } = nats.options(user);
  return at(servers, { user, password: credentials.password, ...more });
}

const missing = (pattern: RegExp, state: Finding["state"] = "missing") =>
  expect.objectContaining({ state, detail: expect.stringMatching(pattern) as string }) as Finding;

async function serve(name: string, lines: string[]): Promise<string> {
  const config = join(folder, `${name}.conf`);
  await writeFile(config, ['listen: "127.0.0.1:-1"', ...lines].join("\n"));
  const binary = await findNatsServer(natsBinaryOptions(process.env, () => undefined));
  const child = spawn(binary, ["--config", config], { stdio: ["ignore", "ignore", "pipe"] });
  children.push(child);
  const port = Promise.withResolvers<string>();
  let log = "";
  child.stderr.on("data", (bytes: Buffer) => {
    log += bytes.toString();
    const found = /client connections on 127\.0\.0\.1:(\d+)/.exec(log)?.[1];
    if (found !== undefined && log.includes("Server is ready")) port.resolve(found);
  });
  child.once("exit", () => port.reject(new Error(`nats-server ended: ${log}`)));
  return `localhost:${await port.promise}`;
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `127.0.0.1:${address.port}`;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hindcast-preflight-test-"));
  nats = await aNatsServer();
  await nats.coordinator();
});

afterAll(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, "exit");
    child.kill();
    await ended;
  }
  await nats[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

describe("a user", () => {
  it("of each role is let in and may do its work, and only the coordinator is told of the streams", async () => {
    for (const role of ["coordinator", "index-core", "client"] as const) {
      const findings = await as(role);
      expect(findings.filter(({ state }) => state === "missing")).toEqual([]);
      expect(findings).toContainEqual(missing(new RegExp(`may do what a ${role} does`), "good"));
      const streams =
        role === "coordinator" ? missing(/^\d+ streams/, "good") : missing(/users coordinator and backup/, "advice");
      expect(findings).toContainEqual(streams);
    }
  });

  it("with a wrong password is told apart from a server that is not there", async () => {
    expect(await as("client", { password: "wrong" })).toContainEqual(missing(/password.*is not the server's/));
    expect(await at("nats://127.0.0.1:1")).toEqual([missing(/ECONNREFUSED.*is nats-server running there/)]);
  });

  it("with the rights of another role is told which of its own it lacks, and which it has too many", async () => {
    const agent = await as("w-1" as WorkerId, { role: "rollout-agent-web" });
    expect(agent).toContainEqual(
      missing(/as rollout-agent it may not publish \$JS\.API\.CONSUMER\.MSG\.NEXT\.TASKS\.workers-web/),
    );
    const client = await as("coordinator", { role: "client" });
    expect(client).toContainEqual(missing(/it may also publish hindcast\.task\.preflight/, "advice"));
    await expect(as("w-1" as WorkerId)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("--role") as string,
    });
  });

  it("is asked for by messages that reach nobody", async () => {
    await using raw = await rawNats(nats);
    const before = await raw.manager.getAccountInfo();
    await as("coordinator");
    const after = await raw.manager.getAccountInfo();
    expect(after.storage).toBe(before.storage);
    expect(after.streams).toBe(before.streams);
  });

  it("hears of a stream that is about to refuse", async () => {
    await using raw = await rawNats(nats);
    const limit = { name: "NEARLY_FULL", subjects: ["hindcast.full"], max_bytes: 1_000, discard: DiscardPolicy.New };
    await raw.manager.streams.add(limit);
    await raw.jetstream.publish("hindcast.full", "x".repeat(900));
    try {
      expect(await as("coordinator")).toContainEqual(missing(/of 1000 B: full it refuses.*hindcast gc/));
    } finally {
      await raw.manager.streams.delete("NEARLY_FULL");
    }
  });
});

describe("a server", () => {
  it("with a certificate that is expired, a stranger's or another host's is told so, each in its own words", async () => {
    const made = {
      ours: await aCertificate("localhost"),
      old: await anExpiredCertificate("localhost"),
      other: await aCertificate("elsewhere"),
    };
    const urls: Record<string, string> = {};
    for (const [name, { key, cert }] of Object.entries(made)) {
      await writeFile(join(folder, `${name}.key`), key);
      await writeFile(join(folder, `${name}.crt`), cert);
      const files = ["cert_file", "key_file"].map(
        (field) => `${field}: "${join(folder, `${name}.${field.slice(0, 1) === "c" ? "crt" : "key"}`)}"`,
      );
      const jetStream = `jetstream { store_dir: "${join(folder, `data-${name}`)}" }`;
      urls[name] = `tls://${await serve(name, [`tls { ${files.join(", ")} }`, jetStream])}`;
    }
    const ask = (name: string, authority: string) => at(urls[name] ?? "", { caFile: join(folder, `${authority}.crt`) });
    expect((await ask("ours", "ours")).filter(({ state }) => state === "missing")).toEqual([]);
    expect(await ask("old", "old")).toContainEqual(missing(/expired on .*credentials\.sh/));
    expect(await ask("ours", "other")).toContainEqual(missing(/signed by localhost, which .*other\.crt does not hold/));
    expect(await ask("other", "other")).toContainEqual(missing(/not for localhost but for DNS:elsewhere/));
  });

  it("that speaks no TLS, has no JetStream or takes small messages only is told what to change", async () => {
    const url = await serve("plain", ["max_payload: 64KB"]);
    const { cert } = await aCertificate("localhost");
    await writeFile(join(folder, "any.crt"), cert);
    const findings = await at(url, { caFile: join(folder, "any.crt") });
    expect(findings).toContainEqual(missing(/speaks no TLS/));
    expect(findings).toContainEqual(missing(/JetStream is switched off/));
    expect(findings).toContainEqual(missing(/max_payload is 64\.0 KiB/));
  });

  it("that is too old is named with what it lacks, by its INFO line, and one that is none too", async () => {
    await using old = await anOldNatsServer();
    const shell = createTcpServer((socket) => socket.on("error", () => undefined).write("SSH-2.0-OpenSSH_9.2\r\n"));
    try {
      expect(await at(`nats://127.0.0.1:${old.port}`)).toContainEqual(
        missing(/nats-server 2\.9\.10 is too old.*2\.12/),
      );
      expect(await at(`nats://${await listening(shell)}`)).toEqual([missing(/no NATS server: it said "SSH-2\.0/)]);
    } finally {
      shell.close();
    }
  });
});

it("the command prints an aligned table, and its exit code says that something is missing", async () => {
  const { servers } = nats.options("coordinator");
  const passwordFile = join(folder, "password");
  const env = {
    HINDCAST_NATS_URL: servers,
    HINDCAST_NATS_USER: "coordinator",
    HINDCAST_NATS_PASSWORD_FILE: passwordFile,
  };
  await writeFile(passwordFile, "wrong");
  const { code, stdout } = await hindcast(["preflight", "--no-kubernetes"], { cwd: folder, env });
  expect(code).toBe(1);
  expect(stdout).toMatch(/^what +state +found, or what to do$/m);
  expect(stdout).toMatch(/^NATS user coordinator +missing +the password[^]*something that is needed is missing/m);
});
