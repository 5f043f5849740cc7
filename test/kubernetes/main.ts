// `npm run test:kubernetes`: deploys the overlay `local` to the cluster in KUBECONFIG, works with it from outside and from
// inside, scales, deletes, rolls and kills, and judges what is stored. The images (hindcast/*:dev) have to be there.
//   --documents 20   per campaign
//   --publish        writes the table to test/KUBERNETES.md
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { option } from "../load/statistics.ts";
import { forward, hasSandbox, kubectl, output, podsOf, secretValue, untilRolledOut } from "./kubectl.ts";
import { insideJob } from "./inside-job.ts";
import { prove } from "./proof.ts";

const root = new URL("../../", import.meta.url).pathname;
const [bus, agents] = ["hindcast", "hindcast-agents"];
const agentLabel = "app.kubernetes.io/name=rollout-agent";
const everything = ["statefulset/nats", "deployment/coordinator", "statefulset/index-core", "deployment/index-replica"];
const busyMsMax = 60_000;
const underWayMs = 8_000;
const documents = option("documents", 20);
const note =
  "“Under load” means that a campaign was running; that an episode was open at that moment is made sure of only where an agent is deleted. Demonstrations are those in the index by then.";

const rows: { what: string; seconds: number; outcome: string; isGood: boolean }[] = [];
async function row(what: string, work: () => Promise<string>): Promise<void> {
  const start = performance.now();
  let [outcome, isGood] = ["", true];
  try {
    outcome = await work();
  } catch (error) {
    [outcome, isGood] = [String(error instanceof Error ? error.message : error), false];
  }
  const seconds = (performance.now() - start) / 1000;
  rows.push({ what, seconds, outcome: outcome.replaceAll(/\s+/g, " ").slice(0, 300), isGood });
  console.log(`${isGood ? "good" : "BAD "} ${seconds.toFixed(0).padStart(4)} s  ${what}: ${outcome}`);
}

const folder = mkdtempSync(join(tmpdir(), "hindcast-kubernetes-"));
const caFile = join(folder, "ca.crt");
const passwordFile = join(folder, "password");

/** A campaign that other things happen to meanwhile: it is awaited later, or not at all when they fail. */
function campaign(port: number, seed: number): Promise<string> {
  const running = runCampaign(port, seed);
  running.catch(() => undefined);
  return running;
}

/** By the command line on this machine, over the port that is forwarded. */
async function runCampaign(port: number, seed: number): Promise<string> {
  const cli = ["--conditions=source", `${root}coordinator/src/cli/main.ts`];
  const flags = ["run", "--docs", "man:git-*", "--documents-max", String(documents), "--set", `campaign.seed=${seed}`];
  flags.push("--set", "campaign.evaluation.tasksPerKindMax=0");
  const child = spawn(process.execPath, [...cli, ...flags], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...process.env,
      HINDCAST_NATS_URL: `tls://localhost:${port}`,
      HINDCAST_NATS_USER: "client",
      HINDCAST_NATS_PASSWORD_FILE: passwordFile,
      HINDCAST_NATS_CA_FILE: caFile,
    },
  });
  let said = "";
  child.stdout.on("data", (bytes: Buffer) => (said += bytes.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`hindcast run exited with ${code}: ${said.slice(-500)}`);
  return /in the index +(.*)/.exec(said)?.[1]?.trim() ?? "no demonstrations";
}

const scale = (count: number): Promise<string> =>
  kubectl(["-n", agents, "scale", "deployment/rollout-agent-shell", `--replicas=${count}`]);

async function aBusyPod(): Promise<string> {
  for (const deadline = Date.now() + busyMsMax; Date.now() < deadline; await pause(200)) {
    for (const pod of await podsOf(agents, agentLabel)) {
      if (await hasSandbox(agents, pod)) return pod;
    }
  }
  throw new Error("no agent was in the midst of an episode");
}

/** A sandbox is open, or a campaign that is quicker than kubectl has had the time to open some. */
async function underWay(): Promise<void> {
  await Promise.race([aBusyPod(), pause(underWayMs)]);
}

await row("apply the overlay, every pod ready", async () => {
  const secrets = await kubectl(["-n", bus, "get", "secret", "nats-tls", "-o", "name"]).catch(() => "");
  if (secrets === "") await kubectl(["apply", "-f", "-"], await output(`${root}deploy/kubernetes/credentials.sh`, []));
  await kubectl(["apply", "-k", `${root}deploy/kubernetes/overlays/local`]);
  await untilRolledOut(bus, ...everything);
  await untilRolledOut(agents, "deployment/rollout-agent-shell");
  return `${(await podsOf(bus, "")).length + (await podsOf(agents, "")).length} pods`;
});
writeFileSync(caFile, await secretValue(bus, "bus-client", "ca.crt"));
writeFileSync(passwordFile, await secretValue(bus, "bus-client", "password"), { mode: 0o600 });
await using door = await forward(bus, "nats-0", 4222);

await row("a campaign from outside, by port-forward and TLS", () => campaign(door.port, 11));
await row("a campaign from inside, as a Job", () => insideJob());
await row("agents 1 → 8 → 1 under load, a busy one deleted", async () => {
  const working = campaign(door.port, 12);
  await scale(8);
  await untilRolledOut(agents, "deployment/rollout-agent-shell");
  const pod = await aBusyPod();
  await kubectl(["-n", agents, "delete", "pod", pod, "--wait=false"]);
  await scale(1);
  return `${await working}; ${pod} went in mid-episode`;
});
await row("the agents' node is drained of them under load", async () => {
  const working = campaign(door.port, 13);
  await underWay();
  const node = await kubectl([
    "-n",
    agents,
    "get",
    "pods",
    "-l",
    agentLabel,
    "-o",
    "jsonpath={.items[0].spec.nodeName}",
  ]);
  const options = ["--ignore-daemonsets", "--delete-emptydir-data", `--pod-selector=${agentLabel}`, "--timeout=120s"];
  await kubectl(["drain", node, ...options]);
  await kubectl(["uncordon", node]);
  return await working;
});
await row("every Deployment rolled under load", async () => {
  const working = campaign(door.port, 14);
  await underWay();
  await kubectl(["-n", agents, "rollout", "restart", "deployment"]);
  await kubectl(["-n", bus, "rollout", "restart", "deployment"]);
  await untilRolledOut(bus, "deployment/coordinator", "deployment/index-replica");
  await untilRolledOut(agents, "deployment/rollout-agent-shell");
  return await working;
});
await row("a pod of NATS killed under load", async () => {
  const working = campaign(door.port, 15);
  await underWay();
  await kubectl(["-n", bus, "delete", "pod", "nats-1", "--grace-period=0", "--force"]);
  const outcome = await working;
  await untilRolledOut(bus, "statefulset/nats");
  return outcome;
});
await row("nothing lost, nothing doubled", async () => {
  // Who closes leases may be a moment behind.
  await pause(5_000);
  const password = await secretValue(bus, "bus-coordinator", "password");
  const servers = `tls://localhost:${door.port}`;
  const access = { servers, user: "coordinator", password, inboxPrefix: "_INBOX_coordinator", caFile };
  const { campaigns, tasks, steps, violations } = await prove(access);
  if (violations.length > 0) throw new Error(violations.join("; "));
  return `${campaigns} campaigns, ${tasks} tasks with one terminal record each, ${steps} steps, all stored`;
});
rmSync(folder, { recursive: true, force: true });

if (process.argv.includes("--publish")) {
  const version = /Server Version: (\S+)/.exec(await kubectl(["version"]))?.[1] ?? "unknown";
  const lines = rows.map(
    ({ what, seconds, outcome, isGood }) =>
      `| ${what} | ${isGood ? "good" : "**bad**"} | ${seconds.toFixed(0)} | ${outcome} |`,
  );
  const head = `# On a real cluster\n\n\`npm run test:kubernetes -- --publish\`, Kubernetes ${version}, one node, ${documents} documents per campaign, offline rules as models:\n\n`;
  writeFileSync(
    `${root}test/KUBERNETES.md`,
    `${head}| what | | seconds | outcome |\n|---|---|---|---|\n${lines.join("\n")}\n\n${note}\n`,
  );
}
if (rows.some(({ isGood }) => !isGood)) process.exitCode = 1;
