import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { httpbin, redirection } from "../../rollout-agent/src/environment/swe-bench/web-service.ts";
import { aCertificate, type TestCertificate } from "../support/certificate.ts";

const hasPython = spawnSync("python3", ["--version"], { stdio: "ignore" }).error === undefined;
const skipped = hasPython ? "" : " (skipped: needs python3)";
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hindcast-web-service-"));
  mkdirSync(join(folder, "site"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function written(name: string, { key, cert }: TestCertificate): { certfile: string; keyfile: string } {
  const [certfile, keyfile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  writeFileSync(certfile, cert);
  writeFileSync(keyfile, key);
  return { certfile, keyfile };
}

const program = `
import json, socket, ssl, sys, threading
import _service
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", 0))
_service._ports[443] = listener.getsockname()[1]

def serve():
    connection, _ = listener.accept()
    try:
        server.wrap_socket(connection, server_side=True).sendall(b"hello")
    except ssl.SSLError:
        pass

threading.Thread(target=serve, daemon=True).start()
client = ssl.create_default_context()
# A project's own list of authorities, in which this one is not.
client.load_verify_locations(sys.argv[3])
try:
    heard = client.wrap_socket(socket.create_connection((sys.argv[4], 443)), server_hostname=sys.argv[4]).recv(5).decode()
except ssl.SSLError as error:
    heard = error.reason
where = [socket.getaddrinfo(*each)[0][4] for each in (("httpbin.org", 80), (b"httpbin.org", "http"), ("httpbin.org", 1), ("127.0.0.1", 80))]
print(json.dumps({"heard": heard, "where": where}))
`;

/** What a client hears that was told to trust `authority`, of a server that shows `service`. */
async function heardBy(service: TestCertificate, authority: TestCertificate): Promise<unknown> {
  const [shown, trusted] = [written("shown", service), written("trusted", authority)];
  const other = written("other", await aCertificate("elsewhere.invalid"));
  writeFileSync(join(folder, "site", "_service.py"), redirection(httpbin.hosts, httpbin.ports, trusted.certfile));
  const argv = ["-c", program, shown.certfile, shown.keyfile, other.certfile, "httpbin.org"];
  const env = { ...process.env, PYTHONPATH: join(folder, "site"), PYTHONDONTWRITEBYTECODE: "1" };
  return JSON.parse(execFileSync("python3", argv, { env, encoding: "utf8" }));
}

it.skipIf(!hasPython)(`Python finds the service by its name, at either port, and trusts it${skipped}`, async () => {
  const service = await aCertificate("httpbin.org");
  expect(await heardBy(service, service)).toEqual({
    heard: "hello",
    where: [
      ["127.0.0.1", httpbin.ports.http],
      ["127.0.0.1", httpbin.ports.http],
      // Where nobody listens nobody answers.
      ["127.0.0.1", 1],
      ["127.0.0.1", 80],
    ],
  });
});

it.skipIf(!hasPython)(`no other authority is trusted for it${skipped}`, async () => {
  const [service, stranger] = [await aCertificate("httpbin.org"), await aCertificate("httpbin.org")];
  expect(await heardBy(service, stranger)).toMatchObject({ heard: "CERTIFICATE_VERIFY_FAILED" });
});
