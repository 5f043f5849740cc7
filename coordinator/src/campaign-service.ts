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
  readonly #stopping = new AbortController();
  #watching: Promise<void> = Promise.resolve();

  constructor(deps: CampaignDeps) {
    this.#deps = deps;
    this.#campaigns = deps.bus.records("CAMPAIGNS", CampaignRecord);
  }

  async start(): Promise<void> {
    for (const { value } of await this.#campaigns.entries()) {
      if (value.state === "running") this.#run(value);
    }
    this.#watching = this.#watch();
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
    this.#stopping.abort(new Error("the coordinator is stopping"));
    await this.#watching;
    for (const { controller } of this.#running.values()) controller.abort(new Error("the coordinator is stopping"));
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  /** A campaign may be run by two coordinators for a while; whichever ends it, the other lets go of it too. */
  async #watch(): Promise<void> {
    try {
      for await (const { key, value } of this.#campaigns.watch(this.#stopping.signal)) {
        if (value === null || value.state === "running") continue;
        this.#running.get(value.id)?.controller.abort(new Error(`campaign ${key} is ${value.state}`));
      }
    } catch (error) {
      this.#deps.logger.error({ event: "campaigns.unwatched", err: error }, messageOf(error));
    }
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
    // A record that cannot be read, of a newer version say, is not among the entries but holds its number.
    for (let number = (await this.#campaigns.entries()).length + 1; ; number += 1) {
      const id = `c-${String(number).padStart(4, "0")}` as CampaignId;
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
      const { report, failure } = await runCampaign(record, this.#deps, signal);
      const blob = await bus.blobs.put(gzipSync(JSON.stringify(report)));
      if (failure === null) await this.#end(record.id, { state: "finished", report: blob, detail: null });
      else await this.#fail(record.id, failure, blob);
    } catch (error) {
      // Stopping is not an end: the record stays `running`, and cancelling has written its own.
      if (signal.aborted) return;
      await this.#fail(record.id, toHindcastError(error, "campaign"), null).catch((lost: unknown) => {
        // The record stays `running`: the next start of a coordinator takes the campaign up again.
        logger.error({ event: "campaign.unsettled", campaignId: record.id, err: lost }, messageOf(lost));
      });
    }
  }

  /** What is still queued of it would be paid for and serve nobody; agents see the state and stop what they work on. */
  async #fail(id: CampaignId, failure: HindcastError, report: CampaignRecord["report"]): Promise<void> {
    this.#deps.logger.error({ event: "campaign.failed", campaignId: id, code: failure.code, err: failure });
    await this.#end(id, { state: "failed", detail: `${failure.message} (${failure.code})`, report });
    await this.#deps.bus.tasks.purge(id);
  }

  async #cancel(id: CampaignId): Promise<CampaignRecord> {
    const cancelled = await this.#end(id, { state: "cancelled", detail: "cancelled by request", report: null });
    const running = this.#running.get(id);
    running?.controller.abort(new Error(`campaign ${id} was cancelled`));
    await running?.done;
    await this.#deps.bus.tasks.purge(id);
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
