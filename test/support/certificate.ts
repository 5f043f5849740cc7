// A certificate for names that exist only in a test, made by openssl.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface TestCertificate {
  /** Both in PEM; whoever trusts `cert` trusts the server. */
  key: string;
  cert: string;
}

export async function aCertificate(...names: string[]): Promise<TestCertificate> {
  const folder = await mkdtemp(join(tmpdir(), "hindcast-certificate-"));
  const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  try {
    const kind = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" ");
    const subject = ["-subj", `/CN=${names[0] ?? "test"}`];
    const alternatives = ["-addext", `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}`];
    const files = ["-keyout", keyFile, "-out", certFile];
    await promisify(execFile)("openssl", [...kind, ...subject, ...alternatives, ...files]);
    return { key: await readFile(keyFile, "utf8"), cert: await readFile(certFile, "utf8") };
  } finally {
    await rm(folder, { recursive: true });
  }
}
