// Starts, cancels and lists campaigns for whoever asks over `hindcast.control.*`, and starts those again that were
// running when a coordinator went away.
import { gzipSync } from "node:zlib";
import {
  CampaignRecord,
  ControlReply,
  ControlRequest,
  HindcastError,
  messageOf,
  subjects,
  toHindcastError,
} from "@hindcast/shared";
import type { CampaignId, StartCampaign } from "@hindcast/shared";
import type { RecordStore } from "@hindcast/shared/node";
import { type CampaignDeps, runCampaign } from "./campaign-run.ts";

/** Only one coordinator answers a control request. */
const controlQueue = "coordinators";
const verbs = ["start", "cancel", "list"] as const;

export class CampaignService implements AsyncDisposable {
  readonly #deps: CampaignDeps;
  readonly #campaigns: RecordStore<CampaignRecord>;
  readonly #running = new Map<CampaignId, { controller: AbortController; done: Promise<void> }>();
  readonly #endpoints: AsyncDisposable[] = [];

  constructor(deps: CampaignDeps) {
    this.#deps = deps;
    this.#campaigns = deps.bus.records("CAMPAIGNS", CampaignRecord);
  }

  async start(): Promise<void> {
    for (const { value } of await this.#campaigns.entries()) {
      if (value.state === "running") this.#run(value);
    }
    for (const verb of verbs) {
      const endpoint = await this.#deps.bus.serve({
        subject: subjects.control(verb),
        queue: controlQueue,
        request: ControlRequest,
        reply: ControlReply,
        handle: (request) => this.#answer(request),
      });
      this.#endpoints.push(endpoint);
    }
  }

  /** Stops taking requests and lets go of running campaigns; they stay `running` and are taken up at the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#endpoints.map((endpoint) => endpoint[Symbol.asyncDispose]()));
    for (const { controller } of this.#running.values()) controller.abort(new Error("the coordinator is stopping"));
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  async #answer(request: ControlRequest): Promise<ControlReply> {
    switch (request.kind) {
      case "campaign.start":
        return { v: 1, kind: "campaign", campaign: await this.#begin(request) };
      case "campaign.cancel":
        return { v: 1, kind: "campaign", campaign: await this.#cancel(request.campaignId) };
      case "campaign.list":
        return { v: 1, kind: "campaigns", campaigns: (await this.#campaigns.entries()).map(({ value }) => value) };
    }
  }

  /** Ids count up, so that people can say them; `create` fails for the second of two that took the same number. */
  async #begin({ name, settings, documents }: StartCampaign): Promise<CampaignRecord> {
    this.#assertModelsExist(settings.models);
    for (;;) {
      const id = `c-${String((await this.#campaigns.entries()).length + 1).padStart(4, "0")}` as CampaignId;
      const record: CampaignRecord = {
        v: 1,
        id,
        name,
        settings,
        documents,
        state: "running",
        detail: null,
        report: null,
        startedAt: new Date().toISOString(),
        endedAt: null,
      };
      try {
        await this.#campaigns.create(id, record);
      } catch (error) {
        if (error instanceof HindcastError && error.code === "BUS_CONFLICT") continue;
        throw error;
      }
      this.#run(record);
      return record;
    }
  }

  /** Creating a model checks its name and its key: before anything is spent. */
  #assertModelsExist({ generator, policy, judges }: CampaignRecord["settings"]["models"]): void {
    for (const id of [generator, policy, ...judges]) this.#deps.model(id);
  }

  #run(record: CampaignRecord): void {
    const controller = new AbortController();
    const done = this.#runToEnd(record, controller.signal).finally(() => this.#running.delete(record.id));
    this.#running.set(record.id, { controller, done });
  }

  async #runToEnd(record: CampaignRecord, signal: AbortSignal): Promise<void> {
    const { bus, logger } = this.#deps;
    logger.info({ event: "campaign.started", campaignId: record.id, name: record.name });
    try {
      const report = await runCampaign(record, this.#deps, signal);
      const blob = await bus.blobs.put(gzipSync(JSON.stringify(report)));
      await this.#end(record.id, { state: "finished", report: blob, detail: null });
    } catch (error) {
      // Stopping is not an end: the record stays `running`, and cancelling has written its own.
      if (signal.aborted) return;
      const failure = toHindcastError(error, "campaign");
      logger.error({ event: "campaign.failed", campaignId: record.id, code: failure.code, err: error });
      await this.#end(record.id, { state: "failed", detail: `${messageOf(failure)} (${failure.code})`, report: null });
    }
  }

  async #cancel(id: CampaignId): Promise<CampaignRecord> {
    const cancelled = await this.#end(id, { state: "cancelled", detail: "cancelled by request", report: null });
    const running = this.#running.get(id);
    running?.controller.abort(new Error(`campaign ${id} was cancelled`));
    await this.#deps.bus.tasks.purge(id);
    await running?.done;
    return cancelled;
  }

  /** Ends a running campaign; one that has ended stays as it is. */
  async #end(id: CampaignId, end: Pick<CampaignRecord, "state" | "detail" | "report">): Promise<CampaignRecord> {
    for (;;) {
      const stored = await this.#campaigns.get(id);
      if (stored === null) {
        throw new HindcastError({
          code: "CAMPAIGN_NOT_FOUND",
          boundary: "campaign",
          message: `there is no campaign ${id}; \`hindcast status\` lists them`,
        });
      }
      if (stored.value.state !== "running") return stored.value;
      const ended: CampaignRecord = { ...stored.value, ...end, endedAt: new Date().toISOString() };
      try {
        await this.#campaigns.update(id, ended, stored.revision);
        this.#deps.logger.info({ event: "campaign.ended", campaignId: id, state: end.state, detail: end.detail });
        return ended;
      } catch (error) {
        if (!(error instanceof HindcastError && error.code === "BUS_CONFLICT")) throw error;
      }
    }
  }
}
