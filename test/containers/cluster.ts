// The cluster of deploy/compose.yaml under a project name and ports of its own, so that it shares a machine with another.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { DockerComposeEnvironment, type StartedTestContainer, Wait } from "testcontainers";
import { freePort } from "../support/prometheus.ts";
import { exporterImage } from "./engine.ts";
import type { Provider } from "./provider.ts";

const root = new URL("../../", import.meta.url).pathname;
const startTimeoutMs = 240_000;
const busyMsMax = 180_000;
/** Grafana is an image of others, which may not be had. */
const services = ["nats", "nats-ready", "coordinator", "index-core", "rollout-agent", "prometheus"];
const manual = "# git settings\n\nSet the pager that git uses:\n\n```sh\ngit config core.pager less\n```\n";

export interface Cluster extends AsyncDisposable {
  container(name: string): StartedTestContainer;
  /** What `connectBus` needs. */
  access(user: "client" | "coordinator"): ComposeAccess;
  /** By the command line of this machine. @returns how much it learned */
  campaign(seed: number, documents: number): Promise<string>;
  /** The same with a model of the provider, evaluated; of one short document. */
  campaignOfProvider(): Promise<string>;
  /** An agent that has a sandbox open. */
  busyAgent(): Promise<StartedTestContainer>;
}

export interface ComposeAccess {
  servers: string;
  user: string;
  password: string;
  inboxPrefix: string;
  caFile: string;
}

/** Fresh secrets in a copy of `deploy`: those of the user's own cluster stay as they are. */
export function deployFolder(): Disposable & { path: string; secrets: string } {
  const folder = mkdtempSync(join(tmpdir(), "hindcast-containers-"));
  const path = join(folder, "deploy");
  mkdirSync(path);
  for (const part of ["compose.yaml", "compose", "images", "monitoring/alerts", "monitoring/dashboards"]) {
    cpSync(`${root}deploy/${part}`, join(path, part), {
      recursive: true,
      filter: (from) => !from.endsWith("/secrets"),
    });
  }
  const secrets = join(path, "compose/secrets");
  execFileSync(`${root}deploy/kubernetes/credentials.sh`, ["--folder", secrets]);
  return { path, secrets, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

export interface ClusterOptions {
  /** What `deployFolder` made. */
  path: string;
  secrets: string;
  provider: Provider;
  /** Whether there is an image of NATS's exporter, which `npm run images` builds where there is Go. */
  hasExporter: boolean;
}

export async function startCluster({ path, secrets, provider, hasExporter }: ClusterOptions): Promise<Cluster> {
  const port = await freePort();
  const servers = `tls://localhost:${port}`;
  const environment = await new DockerComposeEnvironment(path, ["compose.yaml", provider.composeFile])
    .withProjectName(`hindcast-test-${process.pid}`)
    .withEnvironment({
      PROMETHEUS_IMAGE: "hindcast/prometheus:dev",
      NATS_EXPORTER_IMAGE: exporterImage,
      // Of our own choice: Docker's would be another one after a restart, and clients would look in vain.
      HINDCAST_NATS_PORT: String(port),
      PROMETHEUS_PORT: String(await freePort()),
    })
    .withDefaultWaitStrategy(Wait.forHealthCheck())
    .withWaitStrategy("nats-1", Wait.forLogMessage("Server is ready"))
    .withWaitStrategy("nats-ready-1", Wait.forOneShotStartup())
    .withWaitStrategy("nats-exporter-1", Wait.forLogMessage(/exporter/i))
    .withStartupTimeout(startTimeoutMs)
    .up([...services, ...(hasExporter ? ["nats-exporter"] : [])]);
  const container = (name: string): StartedTestContainer => environment.getContainer(name);
  const access: Cluster["access"] = (user) => ({
    servers,
    user,
    password: readFileSync(join(secrets, user), "utf8"),
    inboxPrefix: `_INBOX_${user}`,
    caFile: join(secrets, "ca.crt"),
  });
  return {
    container,
    access,
    campaignOfProvider: async () => {
      writeFileSync(join(path, "settings.md"), manual);
      return await runCampaign(path, { servers, secrets, flags: ["--docs", "settings.md"], env: provider.environment });
    },
    campaign: async (seed, documents) => {
      const flags = ["--docs", "man:git-*", "--documents-max", String(documents), "--set", `campaign.seed=${seed}`];
      flags.push("--set", "campaign.evaluation.tasksPerKindMax=0");
      const running = runCampaign(path, { servers, secrets, flags });
      // Awaited later, or not at all when what happens meanwhile fails.
      running.catch(() => undefined);
      return await running;
    },
    busyAgent: async () => {
      const agents = ["rollout-agent-1", "rollout-agent-2"].map(container);
      for (const deadline = Date.now() + busyMsMax; Date.now() < deadline; await pause(100)) {
        for (const agent of agents) if (await hasSandbox(agent)) return agent;
      }
      throw new Error("no agent was in the midst of an episode");
    },
    [Symbol.asyncDispose]: async () => void (await environment.down({ removeVolumes: true })),
  };
}

async function hasSandbox(agent: StartedTestContainer): Promise<boolean> {
  const { output } = await agent.exec(["pgrep", "--full", "--count", "/.hindcast-guest"]);
  // A container that is just starting says something else.
  return Number.parseInt(output, 10) > 0;
}

interface CampaignOptions {
  servers: string;
  secrets: string;
  flags: readonly string[];
  /** Without a key of a provider models are offline rules. */
  env?: Record<string, string>;
}

async function runCampaign(cwd: string, { servers, secrets, flags, env = {} }: CampaignOptions): Promise<string> {
  const command = ["--conditions=source", `${root}coordinator/src/cli/main.ts`, "run", ...flags];
  const child = spawn(process.execPath, command, {
    cwd,
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...process.env,
      ...env,
      HINDCAST_NATS_URL: servers,
      HINDCAST_NATS_USER: "client",
      HINDCAST_NATS_PASSWORD_FILE: join(secrets, "client"),
      HINDCAST_NATS_CA_FILE: join(secrets, "ca.crt"),
    },
  });
  let said = "";
  child.stdout.on("data", (bytes: Buffer) => (said += bytes.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`hindcast run exited with ${code}: ${said.slice(-500)}`);
  return /in the index +(.*)/.exec(said)?.[1]?.trim() ?? "no demonstrations";
}
