// What a NATS server says before anybody has logged in: its INFO line, and its certificate where it speaks TLS. Read from
// the socket itself, because a client library reports a server that it refuses as one that cannot be reached.
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type DetailedPeerCertificate } from "node:tls";
import { messageOf } from "@hindcast/shared";
import { z } from "zod";

/** Both a lost SYN and a proxy that waits for us to speak first show as silence. */
const greetingTimeoutMs = 5_000;
/** An INFO line is some 500 bytes, and 100 more for each server of a cluster. */
const infoBytesMax = 64 * 1024;

const ServerInfo = z.looseObject({
  server_name: z.string().default("unnamed"),
  version: z.string(),
  jetstream: z.boolean().default(false),
  headers: z.boolean().default(false),
  max_payload: z.int().default(0),
  tls_required: z.boolean().default(false),
  tls_verify: z.boolean().default(false),
  tls_available: z.boolean().default(false),
  ldm: z.boolean().default(false),
});
export type ServerInfo = z.infer<typeof ServerInfo>;

export interface CertificateFacts {
  /** Null where the chain, the time and the name are good; else a code of OpenSSL or Node. */
  problem: string | null;
  validFrom: Date;
  validTo: Date;
  /** `DNS:nats, IP Address:127.0.0.1` */
  names: string;
  issuer: string;
}

export interface Greeting {
  info: ServerInfo;
  /** Null: not encrypted. */
  certificate: CertificateFacts | null;
}

/**
 * @param authority PEM of the authorities that are trusted, or null for the system's
 * @throws Error saying what answered instead of a NATS server
 */
export async function greet(server: URL, authority: string | null): Promise<Greeting> {
  const host = server.hostname.replace(/^\[|\]$/g, "");
  const socket = connectTcp({ host, port: Number(server.port === "" ? 4222 : server.port) });
  try {
    const info = await withTimeout(socket, readInfo(socket));
    const isEncrypted = info.tls_required || (info.tls_available && wantsTls(server, authority));
    if (!isEncrypted) return { info, certificate: null };
    return { info, certificate: await withTimeout(socket, readCertificate(socket, host, authority)) };
  } finally {
    socket.destroy();
  }
}

export function wantsTls(server: URL, authority: string | null): boolean {
  return server.protocol === "tls:" || authority !== null;
}

function readInfo(socket: Socket): Promise<ServerInfo> {
  return new Promise((resolve, reject) => {
    let received = "";
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("it closed the connection without a word")));
    socket.on("data", function onData(bytes: Buffer) {
      received += bytes.toString("latin1");
      const end = received.indexOf("\r\n");
      if (end === -1 && received.length < infoBytesMax) return;
      socket.off("data", onData);
      socket.pause();
      const json = /^INFO (\{.*\})\s*$/.exec(received.slice(0, Math.max(end, 0)))?.[1];
      if (json === undefined) {
        reject(new Error(`what answers is no NATS server: it said ${JSON.stringify(received.slice(0, 60))}`));
        return;
      }
      try {
        resolve(ServerInfo.parse(JSON.parse(json)));
      } catch (error) {
        reject(new Error(`its INFO line cannot be read: ${messageOf(error)}`, { cause: error }));
      }
    });
  });
}

function readCertificate(socket: Socket, host: string, authority: string | null): Promise<CertificateFacts> {
  return new Promise((resolve, reject) => {
    const secure = connectTls({
      socket,
      ...(isIP(host) === 0 ? { servername: host } : { host }),
      ...(authority === null ? {} : { ca: authority }),
      // It is looked at, and nothing is sent over it.
      rejectUnauthorized: false,
    });
    secure.once("error", reject);
    secure.once("secureConnect", () => {
      const certificate: DetailedPeerCertificate = secure.getPeerCertificate(true);
      const error = secure.authorizationError as Error | string | null;
      resolve({
        problem: secure.authorized ? null : error instanceof Error ? codeOf(error) : (error ?? "unknown"),
        validFrom: new Date(certificate.valid_from),
        validTo: new Date(certificate.valid_to),
        names: certificate.subjectaltname ?? `CN ${String(certificate.subject.CN)}`,
        issuer: String(certificate.issuer.CN ?? certificate.issuer.O ?? "unnamed"),
      });
      secure.destroy();
    });
  });
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message;
}

async function withTimeout<T>(socket: Socket, work: Promise<T>): Promise<T> {
  const timer = setTimeout(
    () => socket.destroy(new Error(`it said nothing within ${greetingTimeoutMs / 1000} s`)),
    greetingTimeoutMs,
  );
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
