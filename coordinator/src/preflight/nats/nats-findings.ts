// Whether the NATS server that the configuration names will do, before and after Hindcast is installed: what it is, whether
// its certificate is trusted, whether it lets the user in, and whether that user may do what its role needs.
import { readFileSync } from "node:fs";
import { HindcastError, limits, messageOf, streams as streamNames } from "@hindcast/shared";
import {
  examineBus,
  type BusExamination,
  type BusOptions,
  isNewEnough,
  type JetStreamState,
  natsServerVersionMin,
} from "@hindcast/shared/node";
import { natsServerVersion } from "../../local/nats-binary.ts";
import type { Finding } from "../../report/finding.ts";
import { formatBytes } from "../../report/format.ts";
import { certificateFinding } from "../certificate-finding.ts";
import { greet, wantsTls, type Greeting, type ServerInfo } from "./greeting.ts";
import { roleOfUser } from "./role-of-user.ts";

/** Above this share of its limit a stream is about to refuse. */
const fullShare = 0.9;
const namesShownMax = 4;

export interface NatsAccess {
  /** Comma-separated, as `cluster.natsUrl`. */
  servers: string;
  user: string | null;
  password: string;
  caFile: string | null;
  /** The user's role where its name does not say it. */
  role: string | null;
}

export async function natsFindings(access: NatsAccess): Promise<Finding[]> {
  const findings: Finding[] = [];
  const versions = new Set<string>();
  let isUsable = true;
  for (const server of access.servers.split(",").map((each) => each.trim())) {
    const { found, version } = await serverFindings(server, access);
    findings.push(...found);
    isUsable &&= found.every(({ state }) => state !== "missing");
    if (version !== null) versions.add(version);
  }
  if (versions.size > 1) {
    const detail = `${[...versions].join(" and ")} at once: good while servers are replaced one by one, and not for long`;
    findings.push({ what: "NATS versions", state: "advice", detail });
  }
  return isUsable ? [...findings, ...(await userFindings(access))] : findings;
}

async function serverFindings(
  server: string,
  { caFile }: NatsAccess,
): Promise<{ found: Finding[]; version: string | null }> {
  const what = `NATS at ${server}`;
  const missing = (detail: string) => ({ found: [{ what, state: "missing" as const, detail }], version: null });
  const url = URL.parse(server.includes("://") ? server : `nats://${server}`);
  if (url === null) return missing("this is no address: write nats://HOST:PORT or tls://HOST:PORT");
  let greeting: Greeting;
  let authority: string | null;
  try {
    authority = caFile === null ? null : readFileSync(caFile, "utf8");
  } catch (error) {
    return missing(`cluster.natsCaFile cannot be read: ${messageOf(error)}`);
  }
  try {
    greeting = await greet(url, authority);
  } catch (error) {
    return missing(`it cannot be talked to (${messageOf(error)}): is nats-server running there, and the way open?`);
  }
  const { info, certificate } = greeting;
  const found = [versionFinding(what, info), ...kindFindings(what, info)];
  if (certificate !== null) {
    const view = {
      ...certificate,
      what: `certificate of ${url.host}`,
      host: url.hostname,
      authority: caFile ?? "the system",
    };
    found.push(certificateFinding(view, new Date()));
  } else if (wantsTls(url, authority)) {
    found.push({ what, state: "missing", detail: "it speaks no TLS: give it a `tls` block with a certificate" });
  } else {
    found.push({
      what: `encryption of ${url.host}`,
      state: "advice",
      detail: "none: passwords and steps pass in clear",
    });
  }
  return { found, version: info.version };
}

function versionFinding(what: string, info: ServerInfo): Finding {
  if (isNewEnough(info.version))
    return { what, state: "good", detail: `${info.server_name}, nats-server ${info.version}` };
  const detail = `nats-server ${info.version} is too old: expiry by message, delete markers and batched reads need ${natsServerVersionMin.join(".")}; install ${natsServerVersion}`;
  return { what, state: "missing", detail };
}

function kindFindings(what: string, info: ServerInfo): Finding[] {
  const found: Finding[] = [];
  const add = (state: Finding["state"], detail: string): void => void found.push({ what, state, detail });
  if (!info.jetstream) add("missing", "JetStream is switched off: give its configuration a `jetstream` block");
  if (!info.headers) add("missing", "it takes no message headers (`no_header_support`): take that line out");
  const payloadMin = 2 * limits.messageBytesMax;
  if (info.max_payload < payloadMin) {
    add(
      "missing",
      `max_payload is ${formatBytes(info.max_payload)}; set ${formatBytes(payloadMin)} or more (default 1 MB)`,
    );
  }
  if (info.tls_verify)
    add("missing", "it asks clients for certificates, which Hindcast has none of: set `verify: false`");
  if (info.ldm) add("advice", "it is in lame duck mode: it is about to stop and sends its clients elsewhere");
  return found;
}

async function userFindings(access: NatsAccess): Promise<Finding[]> {
  const { user, password, servers, caFile } = access;
  const what = user === null ? "NATS user" : `NATS user ${user}`;
  const role = roleOfUser(user ?? "coordinator", access.role ?? undefined);
  const options: BusOptions = {
    servers,
    credentials: user === null ? null : { user, password },
    caFile,
    name: "hindcast preflight",
    ...(user === null ? {} : { inboxPrefix: role.inboxPrefix }),
  };
  let seen: BusExamination;
  try {
    seen = await examineBus(options, role);
  } catch (error) {
    if (!(error instanceof HindcastError)) throw error;
    const remedy =
      error.code === "BUS_FORBIDDEN"
        ? "the password in cluster.natsPasswordFile is not the server's: the Secrets bus-* and nats-passwords are not of one run of credentials.sh, or NATS was not restarted after it"
        : error.message;
    return [{ what, state: "missing", detail: remedy }];
  }
  return [...rightsFindings(what, role.role, seen), ...jetStreamFindings(seen)];
}

function rightsFindings(what: string, role: string, { refused, excess }: BusExamination): Finding[] {
  const some = (subjects: readonly string[]): string =>
    subjects.length <= namesShownMax
      ? subjects.join(", ")
      : `${subjects.slice(0, namesShownMax).join(", ")} and ${subjects.length - namesShownMax} more`;
  const found: Finding[] = [];
  if (refused.length > 0) {
    const detail = `as ${role} it may not ${some(refused)}: bring the server's accounts.conf to this version and reload NATS`;
    found.push({ what, state: "missing", detail });
  }
  if (excess.length > 0) {
    const detail = `it may also ${some(excess)}, which is the coordinator's alone: give it the permissions of accounts.conf`;
    found.push({ what, state: "advice", detail });
  }
  const good: Finding = { what, state: "good", detail: `it is let in and may do what a ${role} does` };
  return found.length > 0 ? found : [good];
}

function jetStreamFindings({ jetStream, servers }: BusExamination): Finding[] {
  const what = "JetStream";
  switch (jetStream.kind) {
    case "failing":
      return [{ what, state: "missing", detail: `it takes no requests: ${jetStream.why}` }];
    case "untold":
      return [
        { what, state: "advice", detail: "its limits are told to the users coordinator and backup only: ask as one" },
      ];
    case "enabled":
      return [accountFinding(what, jetStream), ...streamFindings(jetStream, servers)];
  }
}

type Enabled = Extract<JetStreamState, { kind: "enabled" }>;

function accountFinding(what: string, { bytes, bytesMax, streams }: Enabled): Finding {
  const stored = `${formatBytes(bytes)}${bytesMax === null ? "" : ` of ${formatBytes(bytesMax)}`}`;
  if (bytesMax !== null && bytes >= fullShare * bytesMax) {
    const detail = `the account is full, ${stored}: raise its max_file, or make room with \`hindcast gc\``;
    return { what, state: "missing", detail };
  }
  const detail =
    streams.length === 0
      ? "no streams yet: a coordinator makes them when it starts"
      : `${streams.length} streams, ${stored}`;
  return { what, state: "good", detail };
}

function streamFindings({ streams }: Enabled, servers: number): Finding[] {
  // A full queue of tasks is how coordinators are told to wait.
  const full = streams.filter(
    ({ name, bytes, bytesMax, refusesWhenFull }) =>
      refusesWhenFull && name !== streamNames.tasks && bytesMax !== null && bytes >= fullShare * bytesMax,
  );
  const found = full.map(({ name, bytes, bytesMax }): Finding => ({
    what: `stream ${name}`,
    state: "missing",
    detail: `${formatBytes(bytes)} of ${formatBytes(bytesMax ?? 0)}: full it refuses, and campaigns wait; \`hindcast gc\`, a shorter HINDCAST_STORAGE_…_DAYS or a larger …_BYTES_MAX`,
  }));
  const single = streams.filter(({ replicas }) => replicas === 1).map(({ name }) => name);
  if (servers > 1 && single.length > 0) {
    const detail = `${single.length} of ${streams.length} streams are on one server of ${servers}: set HINDCAST_STREAM_REPLICAS=3 on the coordinators`;
    found.push({ what: "stream replicas", state: "advice", detail });
  }
  return found;
}
