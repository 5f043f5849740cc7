import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { httpbin, redirection } from "./web-service.ts";

const hasTools = ["python3", "openssl"].every(
  (program) => spawnSync(program, ["version"], { stdio: "ignore" }).error === undefined,
);
const skipped = hasTools ? "" : " (skipped: needs python3 and openssl)";
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hindcast-web-service-"));
  mkdirSync(join(folder, "site"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A certificate that is its own authority. */
function certificate(name: string, host: string): { certfile: string; keyfile: string } {
  const [certfile, keyfile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  const subject = ["-subj", `/CN=${host}`, "-addext", `subjectAltName=DNS:${host}`];
  const kind = ["-newkey", "rsa:2048", "-nodes", "-keyout", keyfile, "-out", certfile];
  execFileSync("openssl", ["req", "-x509", ...subject, ...kind], { stdio: "ignore" });
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

function heardBy(service: ReturnType<typeof certificate>, authority: string): unknown {
  writeFileSync(join(folder, "site", "_service.py"), redirection(httpbin.hosts, httpbin.ports, authority));
  const other = certificate("other", "elsewhere.invalid");
  const argv = ["-c", program, service.certfile, service.keyfile, other.certfile, "httpbin.org"];
  const env = { ...process.env, PYTHONPATH: join(folder, "site"), PYTHONDONTWRITEBYTECODE: "1" };
  return JSON.parse(execFileSync("python3", argv, { env, encoding: "utf8" }));
}

it.skipIf(!hasTools)(`Python finds the service by its name, at either port, and trusts it${skipped}`, () => {
  const service = certificate("service", "httpbin.org");
  expect(heardBy(service, service.certfile)).toEqual({
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

it.skipIf(!hasTools)(`no other authority is trusted for it${skipped}`, () => {
  const service = certificate("service", "httpbin.org");
  const stranger = certificate("stranger", "httpbin.org");
  expect(heardBy(service, stranger.certfile)).toMatchObject({ heard: "CERTIFICATE_VERIFY_FAILED" });
});
