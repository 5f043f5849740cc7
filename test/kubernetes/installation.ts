// Hindcast in the cluster of KUBECONFIG: put there, worked with from this machine, and taken away.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { ServerAccess } from "../chaos/history.ts";
import { kubernetesFolder } from "../support/manifests.ts";
import { forward, hasSandbox, kubectl, output, podsOf, secretValue, untilRolledOut } from "./kubectl.ts";
import { prove } from "./proof.ts";

const root = new URL("../../", import.meta.url).pathname;
export const busNamespace = "hindcast";
export const agentsNamespace = "hindcast-agents";
export const agentLabel = "app.kubernetes.io/name=rollout-agent";
export const agentsDeployment = "deployment/rollout-agent-shell";
const programs = ["statefulset/nats", "deployment/coordinator", "statefulset/index-core", "deployment/index-replica"];
const busyMsMax = 180_000;
const underWayMs = 8_000;
/** Who closes leases may be a moment behind. */
const restMs = 5_000;

export interface Installation extends AsyncDisposable {
  /** A folder that is gone with it. */
  folder: string;
  caFile: string;
  access(user: "client" | "coordinator" | "index-core" | "backup"): Promise<ServerAccess & { caFile: string }>;
  /** By the command line of this machine. It may be awaited later, or not at all. @returns how much it learned */
  campaign(seed: number, more?: CampaignSetup): Promise<string>;
  /** What the streams hold. @throws Error with what is wrong */
  judge(): Promise<string>;
}

/** What a campaign has beside the documents. */
export interface CampaignSetup {
  /** `path=value` of its configuration. */
  set: readonly string[];
  /** Of the command line. */
  environment: Record<string, string>;
}

/** Nothing of an earlier one is left: neither streams nor passwords. */
export async function removeInstallation(): Promise<void> {
  const namespaces = [busNamespace, agentsNamespace];
  await kubectl(["delete", "namespace", ...namespaces, "--ignore-not-found", "--wait=false"]);
  for (const namespace of namespaces) {
    // Nothing is kept, so nothing has to be handed over.
    const now = ["--all", "--grace-period=0", "--force", "--ignore-not-found"];
    await kubectl(["-n", namespace, "delete", "pods", ...now]).catch(() => "");
  }
  await kubectl(["delete", "namespace", ...namespaces, "--ignore-not-found", "--timeout=180s"]);
}

/** @param settings of credentials.sh */
export async function applyCredentials(settings: NodeJS.ProcessEnv = {}): Promise<void> {
  await kubectl(["apply", "-f", "-"], await output(`${kubernetesFolder}credentials.sh`, [], "", settings));
}

export async function applyOverlay(folder: string): Promise<void> {
  await kubectl(["apply", "-k", folder]);
}

/** @param hasAgents false where their number is a scaler's business. @returns how many pods run */
export async function untilReady(hasAgents = true): Promise<number> {
  await untilRolledOut(busNamespace, ...programs);
  if (hasAgents) await untilRolledOut(agentsNamespace, agentsDeployment);
  return (await podsOf(busNamespace, "")).length + (await podsOf(agentsNamespace, "")).length;
}

/** A way in from this machine, over one pod of NATS. @param documents of a campaign */
export async function openInstallation(documents: number): Promise<Installation> {
  const folder = mkdtempSync(join(tmpdir(), "hindcast-kubernetes-"));
  const caFile = join(folder, "ca.crt");
  const passwordFile = join(folder, "password");
  writeFileSync(caFile, await secretValue(busNamespace, "bus-client", "ca.crt"));
  writeFileSync(passwordFile, await secretValue(busNamespace, "bus-client", "password"), { mode: 0o600 });
  const door = await forward(busNamespace, "nats-0", 4222);
  const servers = `tls://localhost:${door.port}`;
  const running = new Set<ChildProcess>();
  const access: Installation["access"] = async (user) => {
    await door.untilOpen();
    const password = await secretValue(busNamespace, `bus-${user}`, "password");
    return { servers, user, password, inboxPrefix: `_INBOX_${user}`, caFile };
  };
  return {
    folder,
    caFile,
    access,
    campaign: (seed, more = { set: [], environment: {} }) => {
      const outcome = (async () => {
        await door.untilOpen();
        const child = startCampaign(folder, { ...more, servers, passwordFile, caFile, seed, documents });
        running.add(child);
        return await outcomeOf(child).finally(() => running.delete(child));
      })();
      outcome.catch(() => undefined);
      return outcome;
    },
    judge: async () => {
      await pause(restMs);
      const { campaigns, tasks, steps, violations } = await prove(await access("coordinator"));
      if (violations.length > 0) throw new Error(violations.join("; "));
      return `${campaigns} campaigns, ${tasks} tasks with one terminal record each, ${steps} steps, all stored`;
    },
    [Symbol.asyncDispose]: async () => {
      // One that nobody awaited would look for its server for ever.
      for (const child of running) child.kill("SIGKILL");
      await door[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface CampaignOptions extends CampaignSetup {
  servers: string;
  passwordFile: string;
  caFile: string;
  seed: number;
  documents: number;
}

function startCampaign(cwd: string, options: CampaignOptions): ChildProcess {
  const { servers, passwordFile, caFile, seed, documents, set, environment } = options;
  const cli = ["--conditions=source", `${root}coordinator/src/cli/main.ts`];
  const flags = ["run", "--docs", "man:git-*", "--documents-max", String(documents)];
  const settings = [`campaign.seed=${seed}`, "campaign.evaluation.tasksPerKindMax=0", ...set];
  flags.push(...settings.flatMap((setting) => ["--set", setting]));
  return spawn(process.execPath, [...cli, ...flags], {
    cwd,
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...ordinaryEnvironment(),
      ...environment,
      HINDCAST_NATS_URL: servers,
      HINDCAST_NATS_USER: "client",
      HINDCAST_NATS_PASSWORD_FILE: passwordFile,
      HINDCAST_NATS_CA_FILE: caFile,
    },
  });
}

/** @returns how much it learned */
async function outcomeOf(child: ChildProcess): Promise<string> {
  let said = "";
  child.stdout?.on("data", (bytes: Buffer) => (said += bytes.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`hindcast run exited with ${code}: ${said.slice(-500)}`);
  return /in the index +(.*)/.exec(said)?.[1]?.trim() ?? "no demonstrations";
}

/** Without the tests' own variables, which a program would refuse as unknown. */
function ordinaryEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HINDCAST_")));
}

export const scaleAgents = (count: number): Promise<string> =>
  kubectl(["-n", agentsNamespace, "scale", agentsDeployment, `--replicas=${count}`]);

/** An agent that has a sandbox open. */
export async function aBusyPod(): Promise<string> {
  for (const deadline = Date.now() + busyMsMax; Date.now() < deadline; await pause(200)) {
    for (const pod of await podsOf(agentsNamespace, agentLabel)) {
      if ((await hasSandbox(agentsNamespace, pod)) && !(await isLeaving(pod))) return pod;
    }
  }
  throw new Error("no agent was in the midst of an episode");
}

/** One that is being replaced has a sandbox too, if only because it tried one when it started. */
async function isLeaving(pod: string): Promise<boolean> {
  const path = "jsonpath={.metadata.deletionTimestamp}";
  return (await kubectl(["-n", agentsNamespace, "get", "pod", pod, "-o", path]).catch(() => "gone")) !== "";
}

/** A sandbox is open, or a campaign that is quicker than kubectl has had the time to open some. @returns which it is */
export async function underWay(): Promise<string> {
  const pod = await Promise.race([aBusyPod().catch(() => ""), pause(underWayMs, "")]);
  return pod === "" ? "a campaign ran" : `an episode was open in ${pod}`;
}
