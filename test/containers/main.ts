// `npm run test:containers`: the built images under a Docker engine, by testcontainers. NATS alone first, then all of
// deploy/compose.yaml: it works, is scraped, has containers killed and stopped in mid-campaign, and what is stored is judged.
//   --documents 5    per campaign
//   --publish        writes the table to test/CONTAINERS.md
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { GenericContainer, Network, Wait } from "testcontainers";
import { natsFindings } from "../../coordinator/src/preflight/nats/nats-findings.ts";
import { prove } from "../kubernetes/proof.ts";
import { option } from "../load/statistics.ts";
import { type Cluster, deployFolder, startCluster } from "./cluster.ts";
import { engineMissing, hasExporter, hasReaper, kill, start, stop, versions } from "./engine.ts";
import { startProvider } from "./provider.ts";
import { askEverything } from "./queries.ts";
import { ResultRows } from "../support/result-rows.ts";

const documents = option("documents", 5);
const page = new URL("../CONTAINERS.md", import.meta.url);
/** `stop_grace_period` of an agent. */
const graceSeconds = 60;

const missing = await engineMissing();
if (missing !== null) {
  console.log(`skipped: ${missing}`);
  process.exit(0);
}
if (!hasReaper()) process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";

const rows = new ResultRows();
using deploy = deployFolder();
await using provider = await startProvider(deploy.path);
const exporter = hasExporter();
await rows.add("NATS alone: TLS, and each role may do its work", natsAlone);

let cluster: Cluster | undefined;
await rows.add("the whole cluster, every health check good", async () => {
  cluster = await startCluster({ path: deploy.path, secrets: deploy.secrets, provider, hasExporter: exporter });
  return `nats, 2 coordinators, index-core, 2 agents, prometheus${exporter ? ", nats-exporter" : ""}`;
});
if (cluster !== undefined) {
  await using running = cluster;
  await withCluster(running);
}

if (process.argv.includes("--publish")) {
  const head = `# In containers\n\n\`npm run test:containers -- --publish\`, ${await versions()}, ${documents} documents per campaign, offline rules as models:\n\n`;
  const note =
    "An agent is killed or stopped while it has a sandbox open, NATS and a coordinator while a campaign runs. The provider is an emulator of Anthropic's API on this machine. Grafana's image was not to be had: the queries of its dashboards are asked of Prometheus itself.";
  writeFileSync(page, `${head}${rows.markdown()}\n${note}\n`);
}
process.exitCode = rows.areGood ? 0 : 1;

async function natsAlone(): Promise<string> {
  const mount = (source: string, target: string) => ({
    source: join(deploy.path, source),
    target,
    mode: "ro" as const,
  });
  // The engine's own may be switched off.
  await using network = await new Network().start();
  await using nats = await new GenericContainer("hindcast/nats:dev")
    .withNetwork(network)
    .withCommand(["--config", "/etc/nats/nats.conf"])
    .withBindMounts([
      mount("compose/nats.conf", "/etc/nats/nats.conf"),
      mount("compose/secrets/accounts.conf", "/etc/nats/accounts.conf"),
      mount("compose/secrets/tls.crt", "/run/secrets/tls.crt"),
      mount("compose/secrets/tls.key", "/run/secrets/tls.key"),
    ])
    .withExposedPorts(4222)
    .withWaitStrategy(Wait.forLogMessage("Server is ready"))
    .start();
  const users = ["coordinator", "index-core", "client", "backup", "rollout-agent-shell"];
  const servers = `tls://localhost:${nats.getMappedPort(4222)}`;
  for (const user of users) {
    const password = readFileSync(join(deploy.secrets, user), "utf8");
    const caFile = join(deploy.secrets, "ca.crt");
    const findings = await natsFindings({ servers, user, password, caFile, role: null });
    const bad = findings.filter(({ state }) => state === "missing");
    if (bad.length > 0) throw new Error(`${user}: ${bad.map(({ detail }) => detail).join("; ")}`);
  }
  return `${users.length} users, hindcast preflight finds nothing missing`;
}

async function withCluster(running: Cluster): Promise<void> {
  await rows.add("a campaign from outside, by TLS", () => running.campaign(11, documents));
  await rows.add("a campaign with a provider's model, evaluated", () => running.campaignOfProvider());
  await rows.add("Prometheus scrapes every program, and every query has data", () => {
    const prometheus = `http://localhost:${running.container("prometheus-1").getMappedPort(9090)}`;
    return askEverything({ prometheus, hasExporter: exporter });
  });
  await rows.add("an agent killed in mid-episode", async () => {
    const working = running.campaign(12, documents);
    const agent = await running.busyAgent();
    await kill(agent);
    const outcome = await working;
    await start(agent);
    return `${outcome}; ${agent.getName()} was gone`;
  });
  await rows.add("an agent stopped in mid-episode: SIGTERM", async () => {
    const working = running.campaign(13, documents);
    const agent = await running.busyAgent();
    const { code, seconds } = await stop(agent, graceSeconds);
    const outcome = await working;
    await start(agent);
    if (code !== 0) throw new Error(`it exited with ${code} after ${seconds.toFixed(1)} s`);
    return `${outcome}; it ended in order within ${seconds.toFixed(1)} s of ${graceSeconds}`;
  });
  await rows.add("a coordinator killed in mid-campaign", async () => {
    const working = running.campaign(14, documents);
    await running.busyAgent();
    await kill(running.container("coordinator-1"));
    const outcome = await working;
    await start(running.container("coordinator-1"));
    return outcome;
  });
  await rows.add("NATS killed in mid-campaign and started again", async () => {
    const working = running.campaign(15, documents);
    await running.busyAgent();
    await kill(running.container("nats-1"));
    await pause(2_000);
    await start(running.container("nats-1"));
    return await working;
  });
  await rows.add("nothing lost, nothing doubled", async () => {
    // Who closes leases may be a moment behind.
    await pause(5_000);
    const { campaigns, tasks, steps, violations } = await prove(running.access("coordinator"));
    if (violations.length > 0) throw new Error(violations.join("; "));
    return `${campaigns} campaigns, ${tasks} tasks with one terminal record each, ${steps} steps, all stored`;
  });
}
