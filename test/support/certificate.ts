// A certificate for names that exist only in a test, made by openssl.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface TestCertificate {
  /** Both in PEM; whoever trusts `cert` trusts the server. */
  key: string;
  cert: string;
}

export async function aCertificate(...names: string[]): Promise<TestCertificate> {
  return await certificateFor(names, 2);
}

/** It ended yesterday. */
export async function anExpiredCertificate(...names: string[]): Promise<TestCertificate> {
  return await certificateFor(names, -1);
}

async function certificateFor(names: readonly string[], days: number): Promise<TestCertificate> {
  const folder = await mkdtemp(join(tmpdir(), "hindcast-certificate-"));
  const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  try {
    const openssl = (text: string, ...more: string[]) => promisify(execFile)("openssl", [...text.split(" "), ...more]);
    const requestFile = join(folder, "request.pem");
    const extensionsFile = join(folder, "extensions");
    await writeFile(
      extensionsFile,
      `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}\nbasicConstraints=CA:TRUE\n`,
    );
    const kind = "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    await openssl(kind, "-subj", `/CN=${names[0] ?? "test"}`, "-keyout", keyFile, "-out", requestFile);
    // In two steps, because `req` signs for no time that is past.
    const files = ["-in", requestFile, "-signkey", keyFile, "-extfile", extensionsFile, "-out", certFile];
    await openssl(`x509 -req -days ${days}`, ...files);
    return { key: await readFile(keyFile, "utf8"), cert: await readFile(certFile, "utf8") };
  } finally {
    await rm(folder, { recursive: true });
  }
}
