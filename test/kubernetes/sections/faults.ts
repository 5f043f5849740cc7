// What is wrong in a cluster, done to it one by one: each gives a line in a log, a state that Kubernetes shows and a finding of
// `hindcast preflight`, and after it is mended the work goes on.
import { setTimeout as pause } from "node:timers/promises";
import { clusterFindings } from "../../../coordinator/src/preflight/kubernetes/cluster-findings.ts";
import { anExpiredCertificate } from "../../support/certificate.ts";
import { kubernetesFolder } from "../../support/manifests.ts";
import { anOldNatsServer } from "../../support/old-nats-server.ts";
import {
  aBusyPod,
  agentLabel,
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

const overlay = `${kubernetesFolder}overlays/local`;
const headless = "nats-headless.hindcast.svc.cluster.local";
const agentSecret = "bus-rollout-agent-shell";
const seenMsMax = 150_000;
/** Above the `sizeLimit` of an agent's /tmp. */
const ballastMiB = 1_100;

export const faults: Section = {
  title: "What is wrong, and what is told",
  intro:
    "The overlay `local`, harmed; each line shows a log's own words and what `hindcast preflight` or Kubernetes says.",
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
    await harmed("a wrong credential", async () => {
      const before = await secretJson(agentsNamespace, agentSecret);
      const wrong = Buffer.from("wrong").toString("base64");
      await kubectl(["-n", agentsNamespace, "patch", "secret", agentSecret, "-p", `{"data":{"password":"${wrong}"}}`]);
      await restartAgents();
      const line = await logged(/BUS_FORBIDDEN/);
      const told = await found(({ what }) => what === `Secret ${agentSecret}`);
      await kubectl(["-n", agentsNamespace, "replace", "-f", "-"], before);
      return `${line}; preflight: ${told}`;
    });
    await harmed("a NATS that cannot be reached", async () => {
      await talkTo(agentsNamespace, agentsDeployment, "tls://nats.nowhere.svc.cluster.local:4222");
      const line = await logged(/BUS_UNAVAILABLE/);
      const told = await found(({ what, state }) => what.endsWith("/rollout-agent-shell") && state !== "good");
      return `${line}; preflight: ${told}`;
    });
    await harmed("a NATS that is too old", async () => {
      await using old = await anOldNatsServer("0.0.0.0");
      const at = { name: "old-nats", namespace: busNamespace, port: 4222, target: old.port };
      await using _service = await nodeService(at);
      await talkTo(agentsNamespace, agentsDeployment, `nats://old-nats.${busNamespace}.svc.cluster.local:4222`, null);
      return await logged(/too old/);
    });
    await rows.add("an agent evicted in mid-episode", async () => {
      await using hindcast = await openInstallation(documents);
      const working = hindcast.campaign(61);
      const pod = await aBusyPod();
      const fill = `dd if=/dev/zero of=/tmp/ballast bs=1M count=${ballastMiB}`;
      // It ends with the pod.
      void kubectl(["-n", agentsNamespace, "exec", pod, "--", "sh", "-c", fill]).catch(() => "");
      const path = "jsonpath={.status.reason}: {.status.message}";
      const reason = await until(
        async () => await kubectl(["-n", agentsNamespace, "get", "pod", pod, "-o", path]).catch(() => ""),
        /Evicted/,
      );
      const told = await found(({ detail }) => detail.includes(pod) && detail.includes("evicted"));
      const learned = await working;
      await kubectl(["-n", agentsNamespace, "delete", "pod", pod, "--ignore-not-found"]);
      return `Kubernetes: ${reason}; preflight: ${told.slice(0, 60)}…; ${learned}; ${await hindcast.judge()}`;
    });
    await harmed("an expired certificate", async () => {
      const before = await Promise.all([
        secretJson(busNamespace, "nats-tls"),
        secretJson(busNamespace, "bus-coordinator"),
      ]);
      const { key, cert } = await anExpiredCertificate(headless, "localhost");
      const [encodedKey, encoded] = [key, cert].map((text) => Buffer.from(text).toString("base64"));
      const tls = { "tls.crt": encoded, "tls.key": encodedKey, "ca.crt": encoded };
      await patchSecret("nats-tls", tls);
      await patchSecret("bus-coordinator", { "ca.crt": encoded });
      await restartBus();
      // Servers that do not trust one another are not ready, and only the Service for themselves shows those.
      await talkTo(busNamespace, "deployment/coordinator", `tls://${headless}:4222`);
      const line = await logged(/expired/, busNamespace, "app.kubernetes.io/name=coordinator");
      const told = await found(({ what }) => what === "certificate in nats-tls");
      for (const secret of before) await kubectl(["-n", busNamespace, "replace", "-f", "-"], secret);
      await restartBus();
      return `${line}; preflight: ${told}`;
    });
    await rows.add("a campaign after all that", async () => {
      await using hindcast = await openInstallation(documents);
      return `${await hindcast.campaign(62)}; ${await hindcast.judge()}`;
    });
  },
};

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

/** The message of the first line of a log that says so. */
async function logged(pattern: RegExp, namespace = agentsNamespace, selector = agentLabel): Promise<string> {
  const lines = await until(async () => {
    const names = await kubectl(["-n", namespace, "get", "pods", "-l", selector, "-o", "name"]);
    const logs = names
      .split("\n")
      .flatMap((name) =>
        name === ""
          ? []
          : [[], ["--previous"]].map((more) =>
              kubectl(["-n", namespace, "logs", name, "--tail=40", ...more]).catch(() => ""),
            ),
      );
    return (await Promise.all(logs)).join("\n");
  }, pattern);
  const line = lines.split("\n").find((each) => pattern.test(each)) ?? "";
  return `log: ${/"message":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? line.slice(0, 200)}`;
}

/** @returns the detail of preflight's first such finding */
async function found(isIt: (finding: Awaited<ReturnType<typeof clusterFindings>>[number]) => boolean): Promise<string> {
  const findings = await clusterFindings(overlay);
  const one = findings.find((finding) => isIt(finding) && finding.state !== "good");
  if (one === undefined) throw new Error("hindcast preflight says nothing of it");
  return one.detail;
}

async function until(look: () => Promise<string>, pattern: RegExp): Promise<string> {
  let seen = "";
  for (const deadline = Date.now() + seenMsMax; Date.now() < deadline; await pause(1_000)) {
    seen = await look();
    if (pattern.test(seen)) return seen;
  }
  throw new Error(`${pattern.source} was not seen: ${seen.slice(-300)}`);
}
