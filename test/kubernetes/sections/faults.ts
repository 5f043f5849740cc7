// What is wrong in a cluster, done to it one by one: each gives a line in a log, a state that Kubernetes shows and a finding of
// `hindcast preflight`, and after it is mended the work goes on.
import { natsFindings } from "../../../coordinator/src/preflight/nats/nats-findings.ts";
import type { Finding } from "../../../coordinator/src/report/finding.ts";
import { anExpiredCertificate } from "../../support/certificate.ts";
import { kubernetesFolder } from "../../support/manifests.ts";
import { anOldNatsServer } from "../../support/old-nats-server.ts";
import { eviction } from "../faults/eviction.ts";
import { fullVolume } from "../faults/full-volume.ts";
import { missingKind } from "../faults/missing-kind.ts";
import {
  agentsDeployment,
  agentsNamespace,
  applyCredentials,
  applyOverlay,
  busNamespace,
  openInstallation,
  removeInstallation,
  untilReady,
} from "../installation.ts";
import { kubectl } from "../kubectl.ts";
import { nodeService } from "../node-service.ts";
import type { Section } from "../section.ts";
import { crashes, found, logged } from "../told.ts";

const overlay = `${kubernetesFolder}overlays/local`;
const headless = "nats-headless.hindcast.svc.cluster.local";
const agentSecret = "bus-rollout-agent-shell";
const coordinators = { namespace: busNamespace, selector: "app.kubernetes.io/name=coordinator" };
/** So many that something is learned from them. */
const documentsMin = 12;

export const faults: Section = {
  title: "What is wrong, and what is told",
  intro:
    "The overlay `local`, harmed; each line shows a log's own words, what Kubernetes says of the pods and what `hindcast preflight` says and advises. The agent that is evicted has a model that answers slowly, an emulator behind a Service, so that its episodes last a minute; from SIGTERM to SIGKILL the kubelet gives it two seconds: an episode whose step ends in them is handed back, of any other the lease runs out. The volume is one of the bases of `production`. Two versions at once have a part of their own.",
  missing: () => Promise.resolve(null),
  run: async (rows, { documents }) => {
    await removeInstallation();
    await applyCredentials();
    await applyOverlay(overlay);
    await untilReady();
    const harmed = (what: string, harm: () => Promise<string>): Promise<void> =>
      rows.add(what, async () => {
        try {
          return await harm();
        } finally {
          // The next one begins with all well, whatever came of this one.
          await mended();
        }
      });
    await harmed("a wrong credential", wrongCredential);
    await harmed("a kind that the cluster does not know", missingKind);
    await harmed("a NATS that cannot be reached", async () => {
      await talkTo(agentsNamespace, agentsDeployment, "tls://nats.nowhere.svc.cluster.local:4222");
      return `${await logged(/BUS_UNAVAILABLE/)}; ${await crashes()}; ${await found(overlay, isOfAgents)}`;
    });
    await harmed("a NATS that is too old", oldServer);
    const many = Math.max(documents, documentsMin);
    await harmed("an agent evicted in mid-episode", () => eviction(overlay, many));
    await harmed("an expired certificate", expiredCertificate);
    await rows.add("a campaign after all that", async () => {
      await using hindcast = await openInstallation(many);
      const learned = await hindcast.campaign(62);
      if (!/^[1-9]/.test(learned)) throw new Error(`it learned nothing: ${learned}`);
      return `${learned}; ${await hindcast.judge()}`;
    });
    await rows.add("a full volume", () => fullVolume(many));
  },
};

async function wrongCredential(): Promise<string> {
  const before = await secretJson(agentsNamespace, agentSecret);
  const wrong = Buffer.from("wrong").toString("base64");
  await kubectl(["-n", agentsNamespace, "patch", "secret", agentSecret, "-p", `{"data":{"password":"${wrong}"}}`]);
  try {
    await restartAgents();
    const line = await logged(/BUS_FORBIDDEN/);
    const state = await crashes();
    return `${line}; ${state}; ${await found(overlay, ({ what }) => what === `Secret ${agentSecret}`)}`;
  } finally {
    await kubectl(["-n", agentsNamespace, "replace", "-f", "-"], before);
  }
}

async function oldServer(): Promise<string> {
  await using old = await anOldNatsServer("0.0.0.0");
  await using _service = await nodeService({
    name: "old-nats",
    namespace: busNamespace,
    port: 4222,
    target: old.port,
  });
  await talkTo(agentsNamespace, agentsDeployment, `nats://old-nats.${busNamespace}.svc.cluster.local:4222`, null);
  const line = await logged(/too old/);
  const state = await crashes();
  // As whoever preflight is given this server by HINDCAST_NATS_URL.
  const access = { servers: `nats://127.0.0.1:${old.port}`, user: null, password: "", caFile: null, role: null };
  const told = (await natsFindings(access)).find(({ detail }) => detail.includes("too old"));
  if (told?.state !== "missing") throw new Error("hindcast preflight says nothing of the server");
  return `${line}; ${state}; preflight: ${told.detail}`;
}

async function expiredCertificate(): Promise<string> {
  const before = await Promise.all([secretJson(busNamespace, "nats-tls"), secretJson(busNamespace, "bus-coordinator")]);
  try {
    const { key, cert } = await anExpiredCertificate(headless, "localhost");
    const [encodedKey, encoded] = [key, cert].map((text) => Buffer.from(text).toString("base64"));
    await patchSecret("nats-tls", { "tls.crt": encoded, "tls.key": encodedKey, "ca.crt": encoded });
    await patchSecret("bus-coordinator", { "ca.crt": encoded });
    await restartBus();
    // Servers that do not trust one another are not ready, and only the Service for themselves shows those.
    await talkTo(busNamespace, "deployment/coordinator", `tls://${headless}:4222`);
    const line = await logged(/has expired/, coordinators);
    const state = await crashes(coordinators);
    return `${line}; ${state}; ${await found(overlay, ({ what }) => what === "certificate in nats-tls")}`;
  } finally {
    for (const secret of before) await kubectl(["-n", busNamespace, "replace", "-f", "-"], secret);
    await restartBus();
  }
}

const isOfAgents = ({ what, detail }: Finding): boolean =>
  what.endsWith("/rollout-agent-shell") && detail.includes("CrashLoopBackOff");

/** As `kubectl replace` takes it. */
async function secretJson(namespace: string, name: string): Promise<string> {
  const secret = JSON.parse(await kubectl(["-n", namespace, "get", "secret", name, "-o", "json"])) as {
    metadata: { name: string };
  };
  return JSON.stringify({ ...secret, metadata: { name: secret.metadata.name } });
}

const patchSecret = (name: string, data: object): Promise<string> =>
  kubectl(["-n", busNamespace, "patch", "secret", name, "-p", JSON.stringify({ data })]);

/** All of it is there anew at once: a server whose certificate is no good never becomes ready, and a rollout would wait for it. */
async function restartBus(): Promise<void> {
  const pods = ["app.kubernetes.io/name in (nats, coordinator)", "--grace-period=0", "--force"];
  await kubectl(["-n", busNamespace, "delete", "pods", "-l", ...pods]);
}

const restartAgents = (): Promise<string> => kubectl(["-n", agentsNamespace, "rollout", "restart", agentsDeployment]);

/** @param caFile null: nothing of TLS */
async function talkTo(
  namespace: string,
  workload: string,
  url: string,
  caFile: string | null = "/bus/ca.crt",
): Promise<void> {
  const trusted = caFile === null ? "HINDCAST_NATS_CA_FILE-" : `HINDCAST_NATS_CA_FILE=${caFile}`;
  await kubectl(["-n", namespace, "set", "env", workload, `HINDCAST_NATS_URL=${url}`, trusted]);
}

/** The overlay as it was, and every pod ready by it. */
async function mended(): Promise<void> {
  await applyOverlay(overlay);
  await restartAgents();
  await untilReady();
}
