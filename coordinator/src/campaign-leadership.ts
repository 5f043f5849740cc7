// Leads campaigns: every coordinator tries to take the lease of every running campaign and runs those that it holds,
// for as long as it holds them. A leader that is stopped lets go at once; one that dies is followed when its lease has
// run out; one that merely slept is fenced, because its successor stands in the record.
import { gzipSync } from "node:zlib";
import {
  type CampaignId,
  type CampaignLeader,
  type CampaignRecord,
  HindcastError,
  isOver,
  leaseOf,
  limits,
  messageOf,
  toHindcastError,
  type WorkerId,
} from "@hindcast/shared";
import { type Lease, letGo, pause } from "@hindcast/shared/node";
import pMap from "p-map";
import type { CampaignRecords } from "./campaign-records.ts";
import { type CampaignDeps, runCampaign } from "./campaign-run.ts";
import { layDown, onceProven, takeUp } from "./campaign-take-up.ts";
import { Steering } from "./steering.ts";

/** Campaigns whose leases are looked at at once. */
const looksInFlightMax = 8;

export class CampaignLeadership {
  readonly #deps: CampaignDeps & { workerId: WorkerId };
  readonly #records: CampaignRecords;
  /** Running campaigns, whoever leads them. */
  readonly #open = new Set<CampaignId>();
  /** Whose leases are being looked at just now. */
  readonly #looked = new Set<CampaignId>();
  readonly #led = new Map<CampaignId, { controller: AbortController; steering: Steering; done: Promise<void> }>();

  constructor(deps: CampaignDeps & { workerId: WorkerId }, records: CampaignRecords) {
    this.#deps = deps;
    this.#records = records;
  }

  /** Takes up what nobody leads until `signal` aborts, then lets go of everything; all of it stays `running`. */
  async run(signal: AbortSignal): Promise<void> {
    const watching = this.#watch(signal);
    while (!signal.aborted) {
      const orphans = [...this.#open].filter((id) => !this.#led.has(id));
      await pMap(orphans, (id) => this.#tryToLead(id, signal), { concurrency: looksInFlightMax });
      await pause(limits.leaderLookEveryMs, signal);
    }
    await watching;
    await Promise.all([...this.#led.keys()].map((id) => this.letGo(id, "the coordinator is stopping")));
  }

  /** Stops running a campaign here, if it does. */
  async letGo(id: CampaignId, why: string): Promise<void> {
    const led = this.#led.get(id);
    led?.controller.abort(new Error(why));
    await led?.done;
  }

  /** Whatever ends it, it begins anew: a coordinator that sees no campaigns leads none, and says so nowhere. */
  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const { value } of this.#records.watch(signal)) if (value !== null) await this.#saw(value, signal);
      } catch (error) {
        this.#deps.logger.error({ event: "campaigns.unwatched", err: error }, messageOf(error));
      }
      await pause(limits.leaderLookEveryMs, signal);
    }
  }

  async #saw(record: CampaignRecord, signal: AbortSignal): Promise<void> {
    const { id, state } = record;
    this.#led.get(id)?.steering.follow(record);
    if (state === "running") {
      if (this.#open.has(id)) return;
      this.#open.add(id);
      await this.#tryToLead(id, signal);
    } else {
      this.#open.delete(id);
      if (isOver(state)) this.#led.get(id)?.controller.abort(new Error(`campaign ${id} is ${state}`));
    }
  }

  /** One look at a time, because a coordinator would take over its own lease. One that fails is repeated. */
  async #tryToLead(id: CampaignId, signal: AbortSignal): Promise<void> {
    const { bus, workerId, logger } = this.#deps;
    const name = leaseOf.campaign(id);
    if (this.#looked.has(id) || this.#led.has(id)) return;
    this.#looked.add(id);
    try {
      if ((await bus.leases.holder(name)) !== null || signal.aborted) return;
      const acquisition = await bus.leases.acquire(name, workerId, limits.coordinatorLeaseTtlMs);
      if (acquisition.kind !== "acquired") return;
      const { lease } = acquisition;
      const [controller, steering] = [new AbortController(), new Steering()];
      const done = this.#lead(id, lease, { signal: controller.signal, steering }).finally(() => this.#led.delete(id));
      this.#led.set(id, { controller, steering, done });
    } catch (error) {
      logger.warn({ event: "campaign.unclaimed", campaignId: id, err: error }, messageOf(error));
    } finally {
      this.#looked.delete(id);
    }
  }

  async #lead(
    id: CampaignId,
    lease: Lease,
    { signal, steering }: { signal: AbortSignal; steering: Steering },
  ): Promise<void> {
    const { workerId, logger } = this.#deps;
    const leader = { workerId, token: lease.token };
    const log = { campaignId: id, token: leader.token };
    try {
      const record = await this.#records.claim(id, leader);
      if (record === null) {
        logger.warn({ event: "campaign.unclaimed", ...log }, "it has ended, or a later leader stands in its record");
        return;
      }
      logger.info({ event: "campaign.led", ...log, name: record.name });
      steering.begin(record);
      await this.#runToEnd(record, leader, { signal: AbortSignal.any([signal, lease.lost]), steering });
    } catch (error) {
      if (error instanceof HindcastError && error.code === "CAMPAIGN_NOT_FOUND") this.#open.delete(id);
      // The record stays `running`: it is taken up again, here or elsewhere.
      logger.error({ event: "campaign.unsettled", ...log, err: error }, messageOf(error));
    } finally {
      await letGo(lease, logger);
      logger.info({ event: "campaign.let-go", ...log });
    }
  }

  async #runToEnd(
    record: CampaignRecord,
    leader: CampaignLeader,
    { signal, steering }: { signal: AbortSignal; steering: Steering },
  ): Promise<void> {
    try {
      await takeUp(this.#deps.bus, this.#records, record.id);
      using _proof = onceProven(() => void this.#layDown(record.id));
      const { report, failure } = await runCampaign(record, this.#deps, signal, steering);
      const blob = await this.#deps.bus.blobs.put(gzipSync(JSON.stringify(report)));
      signal.throwIfAborted();
      if (failure === null) await this.#end(record.id, { state: "finished", report: blob, detail: null }, leader);
      else await this.#fail(record.id, failure, blob, leader);
    } catch (error) {
      // Letting go is not an end: the record stays as it is, and cancelling has written its own.
      if (signal.aborted || steering.rest.aborted) return await this.#layDown(record.id);
      await this.#fail(record.id, toHindcastError(error, "campaign"), null, leader);
    }
  }

  async #layDown(id: CampaignId): Promise<void> {
    try {
      await layDown(this.#records, id);
    } catch (error) {
      // At worst this letting go counts as a crash.
      this.#deps.logger.warn({ event: "campaign.not-laid-down", campaignId: id, err: error }, messageOf(error));
    }
  }

  /** What is still queued of it would be paid for and serve nobody; agents see the state and stop what they work on. */
  async #fail(
    id: CampaignId,
    failure: HindcastError,
    report: CampaignRecord["report"],
    leader: CampaignLeader,
  ): Promise<void> {
    this.#deps.logger.error({ event: "campaign.failed", campaignId: id, code: failure.code, err: failure });
    const end = { state: "failed", detail: `${failure.message} (${failure.code})`, report } as const;
    const ended = await this.#end(id, end, leader);
    if (isOver(ended.state)) await this.#deps.bus.tasks.purge(id);
  }

  async #end(
    id: CampaignId,
    end: Pick<CampaignRecord, "state" | "detail" | "report">,
    leader: CampaignLeader,
  ): Promise<CampaignRecord> {
    const { state, detail, ...rest } = await this.#records.end(id, end, leader);
    this.#deps.logger.info({ event: "campaign.ended", campaignId: id, state, detail });
    return { state, detail, ...rest };
  }
}
