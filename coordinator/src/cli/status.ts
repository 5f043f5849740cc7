import {
  AdmissionStatus,
  AdmissionStatusRequest,
  CampaignRecord,
  HindcastError,
  subjects,
  type WorkerRecord,
  WorkerRecord as Worker,
} from "@hindcast/shared";
import { BatchesValue, type BatchRecord, openBatches } from "@hindcast/shared/node";
import { Command } from "commander";
import { formatBytes } from "../report/format.ts";
import { printableLine } from "../report/text-width.ts";
import type { StreamUsage } from "@hindcast/shared/node";
import { runningCluster } from "../local/local-cluster.ts";
import { isAlive } from "../local/process-identity.ts";
import { admissionLines } from "./admission-lines.ts";
import { commandContext } from "./command-context.ts";
import { type Session, withSession } from "./session.ts";
import type { Terminal } from "./terminal.ts";

/** Where no agent has announced itself. */
const defaultPool = "shell";
const dayMs = 86_400_000;

export function statusCommand(): Command {
  return new Command("status")
    .description("show the cluster, its workers, the backlog and the campaigns")
    .action(async (_options: unknown, command: Command) => {
      const context = commandContext(command);
      const { terminal, dataDirectory, loaded } = context;
      if (loaded.config.cluster.natsUrl === null && runningCluster(dataDirectory) === null) {
        terminal.result(
          { event: "status", cluster: null },
          () => `no cluster runs in ${dataDirectory}; \`hindcast up\` starts one`,
        );
        return;
      }
      await withSession(context, { parts: [], mayStart: false }, async (session) => {
        const status = await readStatus(session);
        terminal.result({ event: "status", ...status }, () =>
          [
            ...clusterLines(status, loaded.config.cluster.natsUrl ?? "", terminal),
            "",
            `workers: ${status.workers.map(({ workerId, slots, state }) => `${workerId} (${slots} slots, ${state})`).join(", ") || "none"}`,
            `backlog: ${status.backlog.queued} tasks queued, ${status.backlog.working} being worked on`,
            ...status.batches.map(batchLine),
            ...admissionLines(status.admission, terminal),
            "",
            terminal.table(
              [
                { header: "campaign" },
                { header: "state" },
                { header: "name", isFlexible: true },
                { header: "started" },
              ],
              status.campaigns.map(({ id, state, name, startedAt }) => [id, state, printableLine(name), startedAt]),
            ),
            "",
            terminal.table(
              [
                { header: "kept" },
                { header: "messages", align: "right" },
                { header: "bytes", align: "right" },
                { header: "at most", align: "right" },
                { header: "for", align: "right" },
              ],
              status.storage.map(({ stream, messages, bytes, bytesMax, ageMsMax }) => [
                stream,
                String(messages),
                formatBytes(bytes),
                bytesMax === null ? "no limit" : formatBytes(bytesMax),
                ageMsMax === null ? "ever" : `${ageMsMax / dayMs} days`,
              ]),
            ),
          ].join("\n"),
        );
      });
    });
}

/** The processes of another machine's cluster are known to whoever runs it, not to us. */
function clusterLines({ cluster, processes }: Status, natsUrl: string, terminal: Terminal): string[] {
  if (cluster === null) return [`cluster ${natsUrl}`];
  const columns = [
    { header: "process" },
    { header: "pid", align: "right" },
    { header: "state" },
    { header: "restarts", align: "right" },
  ] as const;
  const rows = processes.map(({ name, pid, isUp, restarts }) => [
    name,
    String(pid),
    isUp ? "up" : "down",
    String(restarts),
  ]);
  return [`cluster ${cluster.url}, since ${cluster.startedAt}`, "", terminal.table(columns, rows)];
}

/** How long a batch has been open matters: the provider has a day or two. */
function batchLine(batch: Status["batches"][number]): string {
  const { model, providerId, requests, done, createdAt, isUnwanted } = batch;
  const minutes = Math.round((Date.now() - Date.parse(createdAt)) / 60_000);
  const progress = done === null ? `${requests} requests` : `${done} of ${requests} requests done`;
  const wanted = isUnwanted ? ", being cancelled" : "";
  return printableLine(
    `batch: ${model}, ${progress}, open for ${minutes} min${wanted} (${providerId ?? "not yet submitted"})`,
  );
}

interface Status {
  cluster: { url: string; startedAt: string } | null;
  processes: { name: string; pid: number; isUp: boolean; restarts: number }[];
  workers: WorkerRecord[];
  backlog: { queued: number; working: number };
  batches: (Pick<BatchRecord, "id" | "model" | "providerId" | "done" | "createdAt"> & {
    requests: number;
    /** Its campaigns are over. */
    isUnwanted: boolean;
  })[];
  /** Null: nobody admits requests to providers at the moment. */
  admission: Pick<AdmissionStatus, "lanes" | "budgets"> | null;
  storage: StreamUsage[];
  campaigns: Pick<CampaignRecord, "id" | "name" | "state" | "detail" | "startedAt" | "endedAt">[];
}

async function readStatus({ bus, cluster }: Session): Promise<Status> {
  const file = cluster?.file() ?? null;
  const [workers, batches, storage, campaigns, admission] = await Promise.all([
    bus.records("WORKERS", Worker).entries(),
    bus.records("BATCHES", BatchesValue).entries(),
    bus.storage.usage(),
    bus.records("CAMPAIGNS", CampaignRecord).entries(),
    admissionStatus(bus),
  ]);
  const pools = workers.length === 0 ? [defaultPool] : [...new Set(workers.map(({ value }) => value.pool))];
  const backlogs = await Promise.all(pools.map((pool) => bus.tasks.backlog(pool)));
  const backlog = {
    queued: backlogs.reduce((sum, { queued }) => sum + queued, 0),
    working: backlogs.reduce((sum, { working }) => sum + working, 0),
  };
  return {
    cluster: file === null ? null : { url: file.url, startedAt: file.startedAt },
    processes: (file?.processes ?? []).map(({ name, identity, restarts }) => ({
      name,
      pid: identity.pid,
      isUp: isAlive(identity),
      restarts,
    })),
    workers: workers.map(({ value }) => value).toSorted((a, b) => a.workerId.localeCompare(b.workerId)),
    backlog,
    batches: openBatches(batches.map(({ value }) => value)).map(
      ({ id, model, providerId, done, createdAt, items, cancel }) => ({
        id,
        model,
        providerId,
        done,
        createdAt,
        requests: items.length,
        isUnwanted: cancel !== null,
      }),
    ),
    admission,
    storage,
    campaigns: campaigns
      .toSorted((a, b) => a.key.localeCompare(b.key))
      .map(({ value: { id, name, state, detail, startedAt, endedAt } }) => ({
        id,
        name,
        state,
        detail,
        startedAt,
        endedAt,
      })),
  };
}

async function admissionStatus(bus: Session["bus"]): Promise<Status["admission"]> {
  try {
    const { lanes, budgets } = await bus.request({
      subject: subjects.admission("status"),
      request: AdmissionStatusRequest,
      reply: AdmissionStatus,
      value: { v: 1, kind: "admission.status" },
      timeoutMs: 2_000,
    });
    return { lanes, budgets };
  } catch (error) {
    if (error instanceof HindcastError && error.retryable) return null;
    throw error;
  }
}
