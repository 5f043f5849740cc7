// The Secrets that pods need: there, with every key, of one run of credentials.sh, and with certificates that still hold.
import { X509Certificate } from "node:crypto";
import { messageOf } from "@hindcast/shared";
import { z } from "zod";
import type { Finding } from "../../report/finding.ts";
import { certificateFinding } from "../certificate-finding.ts";
import type { ClusterApi } from "./cluster-api.ts";
import { secretsOf, type NeededSecret, type Needs } from "./needs.ts";
import { unanswered } from "./unanswered.ts";

const Secret = z.looseObject({ data: z.record(z.string(), z.string()).default({}) });
type Data = Record<string, string>;

/** As the bases name them: what NATS is given, and what the programs are. */
const passwords = "nats-passwords";
const tls = "nats-tls";
const busPrefix = "bus-";
/** By which name the programs connect. */
const serverHost = "nats.hindcast.svc.cluster.local";
const remedy = "deploy/kubernetes/credentials.sh | kubectl apply -f -, or Secrets of this name from External Secrets";

export async function secretFindings(api: ClusterApi, needs: Needs): Promise<Finding[]> {
  const read = new Map<string, Data>();
  const wanted = secretsOf(needs);
  const found = await Promise.all(
    wanted.map(async (secret): Promise<Finding | null> => {
      const { name, namespace } = secret;
      const what = `Secret ${namespace}/${name}`;
      const answer = await api.get(`/api/v1/namespaces/${namespace}/secrets/${name}`, Secret);
      if (answer.kind === "absent") return absent(what, secret);
      if (answer.kind !== "found") return unanswered(what, answer);
      const data = Object.entries(answer.value.data).map(([key, value]) => [
        key,
        Buffer.from(value, "base64").toString(),
      ]);
      read.set(name, Object.fromEntries(data) as Data);
      const lacks = secret.keys.filter((key) => !Object.hasOwn(answer.value.data, key));
      if (lacks.length === 0) return null;
      return {
        what,
        state: "missing",
        detail: `it has no ${lacks.join(", ")}, which ${secret.usedBy.join(", ")} reads: ${remedy}`,
      };
    }),
  );
  const troubles = found.filter((each) => each !== null);
  const good: Finding = {
    what: "Secrets",
    state: "good",
    detail: `${read.size} of ${wanted.length} are there, with all keys`,
  };
  const certificate = certificateIn(read);
  return [
    ...(troubles.some(({ state }) => state === "missing") ? [] : [good]),
    ...troubles,
    ...disagreements(read),
    ...(certificate === null ? [] : [certificate]),
  ];
}

function absent(what: string, { isOptional, usedBy }: NeededSecret): Finding {
  if (!isOptional)
    return { what, state: "missing", detail: `not there; ${usedBy.join(", ")} cannot start without: ${remedy}` };
  return {
    what,
    state: "advice",
    detail: `not there: ${usedBy.join(", ")} run without (model-keys: rules instead of models)`,
  };
}

/** A password that the server has otherwise than the program is one run of credentials.sh that was applied by half. */
function disagreements(read: ReadonlyMap<string, Data>): Finding[] {
  const server = read.get(passwords);
  if (server === undefined) return [];
  // They were read at once, and came in any order.
  const byName = [...read].toSorted(([one], [other]) => one.localeCompare(other));
  return byName.flatMap(([name, data]): Finding[] => {
    if (!name.startsWith(busPrefix)) return [];
    const user = name.slice(busPrefix.length);
    const found: Finding[] = [];
    if (Object.hasOwn(server, user) && server[user] !== data["password"]) {
      const detail = `its password is not the one of ${user} in ${passwords}: NATS will refuse it; apply one run of credentials.sh whole, and restart NATS`;
      found.push({ what: `Secret ${name}`, state: "missing", detail });
    }
    const authority = read.get(tls)?.["ca.crt"];
    if (authority !== undefined && data["ca.crt"] !== undefined && data["ca.crt"].trim() !== authority.trim()) {
      const detail = `its ca.crt is not the one of ${tls}: the program will not trust NATS; apply one run of credentials.sh whole`;
      found.push({ what: `Secret ${name}`, state: "missing", detail });
    }
    return found;
  });
}

function certificateIn(read: ReadonlyMap<string, Data>): Finding | null {
  const data = read.get(tls);
  if (data?.["tls.crt"] === undefined) return null;
  const what = `certificate in ${tls}`;
  try {
    const certificate = new X509Certificate(data["tls.crt"]);
    const authority = data["ca.crt"] === undefined ? null : new X509Certificate(data["ca.crt"]);
    const isOurs = authority !== null && certificate.verify(authority.publicKey);
    const isNamed = certificate.checkHost(serverHost) !== undefined;
    const view = {
      what,
      problem: isOurs ? (isNamed ? null : "ERR_TLS_CERT_ALTNAME_INVALID") : "its ca.crt did not sign it",
      validFrom: new Date(certificate.validFrom),
      validTo: new Date(Math.min(...[certificate, authority ?? certificate].map(({ validTo }) => Date.parse(validTo)))),
      names: certificate.subjectAltName ?? certificate.subject,
      issuer: certificate.issuer,
      host: serverHost,
      authority: `${tls}'s ca.crt`,
    };
    return certificateFinding(view, new Date());
  } catch (error) {
    return { what, state: "missing", detail: `it cannot be read (${messageOf(error)}): ${remedy}` };
  }
}
