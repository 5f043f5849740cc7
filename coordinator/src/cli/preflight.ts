// `hindcast preflight`: whether a cluster and a NATS server will do for Hindcast, and what to do where they will not.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { HindcastError } from "@hindcast/shared";
import { Command } from "commander";
import { clusterFindings } from "../preflight/kubernetes/cluster-findings.ts";
import { natsFindings } from "../preflight/nats/nats-findings.ts";
import type { Finding } from "../report/finding.ts";
import { commandContext, type CommandContext } from "./command-context.ts";
import { readPassword } from "./session.ts";
import { showFindings } from "./show-findings.ts";

const overlays = resolve(import.meta.dirname, "../../../deploy/kubernetes/overlays");

interface PreflightOptions {
  overlay: string;
  role?: string;
  kubernetes: boolean;
}

export function preflightCommand(): Command {
  return new Command("preflight")
    .description("check a Kubernetes cluster and a NATS server for what Hindcast needs of them; changes nothing")
    .option("--overlay <name or folder>", "what is or will be applied to the cluster in KUBECONFIG", "production")
    .option("--no-kubernetes", "look at the NATS server only")
    .option("--role <role>", "what cluster.natsUser is for, where its name does not say it")
    .action(async (options: PreflightOptions, command: Command) => {
      const context = commandContext(command);
      const overlay = overlayFolder(context, options.overlay);
      context.terminal.status("looking …");
      const [ofCluster, ofNats] = await Promise.all([
        options.kubernetes ? clusterFindings(overlay) : [],
        findingsOfNats(context, options.role ?? null),
      ]);
      context.terminal.status("");
      showFindings(context.terminal, "preflight", [...ofCluster, ...ofNats]);
    });
}

function overlayFolder({ workingDirectory }: CommandContext, name: string): string {
  const candidates = [join(overlays, name), resolve(workingDirectory, name)];
  const found = candidates.find((folder) => existsSync(join(folder, "kustomization.yaml")));
  if (found !== undefined) return found;
  throw new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message: `--overlay ${name}: neither ${candidates.join(" nor ")} has a kustomization.yaml`,
  });
}

async function findingsOfNats({ loaded }: CommandContext, role: string | null): Promise<Finding[]> {
  const { natsUrl, natsUser, natsPasswordFile, natsCaFile } = loaded.config.cluster;
  if (natsUrl === null) {
    const detail =
      "not looked at: name it with HINDCAST_NATS_URL, and who connects with HINDCAST_NATS_USER, _PASSWORD_FILE and _CA_FILE";
    return [{ what: "NATS", state: "advice", detail }];
  }
  const password = natsPasswordFile === null ? "" : readPassword(natsPasswordFile);
  return await natsFindings({ servers: natsUrl, user: natsUser, password, caFile: natsCaFile, role });
}
