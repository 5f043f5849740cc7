// A certificate for the hosts that one sandbox may ask, and the authority that signed it. The authority's key is gone
// before the sandbox opens, so nothing else can be signed by it; the server's key stays in this process.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OpenedTls } from "../../../egress/opened-tls.ts";
import { mustRun } from "../host-program.ts";

/** A day more than fetching may take. */
const days = "2";

/** @throws Error naming openssl where it is missing */
export async function registryCertificate(
  hosts: readonly string[],
  signal: AbortSignal,
): Promise<OpenedTls & { authority: string }> {
  // Only its owner may look into it.
  const folder = await mkdtemp(join(tmpdir(), "hindcast-registries-"));
  try {
    const openssl = (...argv: string[]): Promise<string> =>
      mustRun(["openssl", ...argv], { timeoutMs: 60_000, cwd: folder }, signal);
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    await writeFile(join(folder, "settings"), settings(hosts));
    const config = ["-config", "settings"];
    await openssl("req", "-x509", ...config, ...newKey, "-days", days, "-keyout", "authority.key", "-out", "authority");
    await openssl("req", "-new", ...config, ...newKey, "-subj", "/CN=registries", "-keyout", "key", "-out", "request");
    const signed = ["-CA", "authority", "-CAkey", "authority.key", "-CAcreateserial", "-extfile", "settings"];
    const made = ["-extensions", "server", "-days", days, "-in", "request", "-out", "certificate"];
    await openssl("x509", "-req", ...signed, ...made);
    const [key, certificate, authority] = await Promise.all(
      ["key", "certificate", "authority"].map((name) => readFile(join(folder, name), "utf8")),
    );
    return { key: key ?? "", certificate: certificate ?? "", authority: authority ?? "" };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Strict readers (Python 3.13) want every extension that RFC 5280 names. */
const settings = (hosts: readonly string[]): string => `[req]
distinguished_name = name
x509_extensions = authority
prompt = no
[name]
CN = registries of one sandbox
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = ${hosts.map((host) => `DNS:${host}`).join(", ")}
`;
