// The stored records of campaigns and the only ways in which they change: each is a compare-and-set, so two
// coordinators that want different things of one campaign see each other.
import { isDeepStrictEqual } from "node:util";
import { CampaignRecord, HindcastError, isOver } from "@hindcast/shared";
import type { CampaignId, CampaignLeader, CampaignTuning, StartCampaign } from "@hindcast/shared";
import { type Bus, compareAndSet, type RecordStore } from "@hindcast/shared/node";

export interface CampaignChange {
  before: CampaignRecord;
  after: CampaignRecord;
}

/** What a campaign is made of, and the request that asked for it. */
type Wanted = Omit<StartCampaign, "v" | "kind" | "by">;

export type CampaignEnd = Pick<CampaignRecord, "state" | "detail" | "report">;

export class CampaignRecords {
  readonly #store: RecordStore<CampaignRecord>;

  constructor(bus: Pick<Bus, "records">) {
    this.#store = bus.records("CAMPAIGNS", CampaignRecord);
  }

  async list(): Promise<CampaignRecord[]> {
    return (await this.#store.entries()).map(({ value }) => value);
  }

  /** @throws CAMPAIGN_NOT_FOUND */
  async stateOf(id: CampaignId): Promise<CampaignRecord["state"]> {
    const stored = await this.#store.get(id);
    if (stored === null) throw notFound(id);
    return stored.value.state;
  }

  watch(signal: AbortSignal): AsyncIterable<{ key: string; value: CampaignRecord | null }> {
    return this.#store.watch(signal);
  }

  /**
   * The campaign of a request: a new one, unless the same request has made one before. Ids count up, so that people can
   * say them, and leave no number out: of two coordinators that make the same campaign at the same time, the second finds
   * that of the first under a number that it wants for itself.
   * @throws CONFIG_INVALID when the request's id was given to something else
   */
  async create(request: Wanted): Promise<{ campaign: CampaignRecord; isNew: boolean }> {
    const known = await this.list();
    const earlier = known.find((record) => isMadeBy(record, request));
    if (earlier !== undefined) return { campaign: assertSame(earlier, request), isNew: false };
    // A record that cannot be read, of a newer version say, is not among the entries but holds its number.
    for (let number = known.length + 1; ; number += 1) {
      const { campaign, isNew } = await this.#stand(aCampaign(number, request));
      if (isNew) return { campaign, isNew };
      if (campaign !== "unreadable" && isMadeBy(campaign, request)) {
        return { campaign: assertSame(campaign, request), isNew };
      }
    }
  }

  /** Stores a campaign under its number, or says what holds that. */
  async #stand(
    campaign: CampaignRecord,
  ): Promise<{ campaign: CampaignRecord; isNew: true } | { campaign: CampaignRecord | "unreadable"; isNew: false }> {
    return await compareAndSet(async () => {
      const standing = await this.#standing(campaign.id);
      if (standing !== null) return { campaign: standing, isNew: false };
      // A conflict here: somebody was faster, or the replica that was asked has not caught up.
      await this.#store.create(campaign.id, campaign);
      return { campaign, isNew: true };
    });
  }

  async #standing(id: CampaignId): Promise<CampaignRecord | "unreadable" | null> {
    try {
      return (await this.#store.get(id))?.value ?? null;
    } catch (error) {
      if (error instanceof HindcastError && error.boundary === "protocol") return "unreadable";
      throw error;
    }
  }

  /**
   * Writes who leads a running campaign. From then on an earlier leader, which may not know that its lease is gone, can
   * no longer end it.
   * @returns null when it has ended, or a later leader stands in it.
   */
  async claim(id: CampaignId, leader: CampaignLeader): Promise<CampaignRecord | null> {
    const claimed = await this.#change(id, (record) =>
      record.state === "running" && (record.leader?.token ?? 0) < leader.token ? { ...record, leader } : null,
    );
    return isLedBy(claimed, leader) ? claimed : null;
  }

  /**
   * Ends a running or paused campaign; one that has ended stays as it is.
   * @param leader ends it only if it still leads it; null: by request, whoever leads.
   * @throws CAMPAIGN_NOT_FOUND
   */
  async end(id: CampaignId, end: CampaignEnd, leader: CampaignLeader | null): Promise<CampaignRecord> {
    return await this.#change(id, (record) => {
      if (isOver(record.state) || (leader !== null && !isLedBy(record, leader))) return null;
      return { ...record, ...end, endedAt: new Date().toISOString() };
    });
  }

  /** @throws CAMPAIGN_NOT_FOUND, CAMPAIGN_ENDED */
  async pause(id: CampaignId): Promise<CampaignChange> {
    return await this.#steer(id, "paused", (record) => ({ ...record, state: "paused" }));
  }

  /** @throws CAMPAIGN_NOT_FOUND, CAMPAIGN_ENDED */
  async resume(id: CampaignId): Promise<CampaignChange> {
    return await this.#steer(id, "resumed", (record) =>
      record.state === "running" ? record : { ...record, state: "running", resumed: record.resumed + 1 },
    );
  }

  /** @throws CAMPAIGN_NOT_FOUND, CAMPAIGN_ENDED */
  async retune(id: CampaignId, tuning: CampaignTuning): Promise<CampaignChange> {
    return await this.#steer(id, "retuned", (record) => ({ ...record, tuning: { ...record.tuning, ...tuning } }));
  }

  /** Changes how often a campaign has been taken up; of one that has ended nobody asks any more. */
  async countTakeUps(
    id: CampaignId,
    next: (takenUp: CampaignRecord["takenUp"]) => CampaignRecord["takenUp"],
  ): Promise<CampaignRecord> {
    return await this.#change(id, (record) => {
      const takenUp = next(record.takenUp);
      return isOver(record.state) || takenUp === record.takenUp ? null : { ...record, takenUp };
    });
  }

  async #steer(
    id: CampaignId,
    verb: string,
    next: (record: CampaignRecord) => CampaignRecord,
  ): Promise<CampaignChange> {
    let before: CampaignRecord | null = null;
    const after = await this.#change(id, (record) => {
      if (isOver(record.state)) throw ended(record, verb);
      before = record;
      const changed = next(record);
      return isDeepStrictEqual(changed, record) ? null : changed;
    });
    return { before: before ?? after, after };
  }

  /**
   * Marks an ended campaign as forgotten, before anything of it is removed.
   * @throws CAMPAIGN_NOT_FOUND, CONFIG_INVALID while it runs
   */
  async forget(id: CampaignId): Promise<CampaignRecord> {
    const record = await this.#change(id, (stored) =>
      !isOver(stored.state) || stored.forgottenAt !== null
        ? null
        : { ...stored, forgottenAt: new Date().toISOString() },
    );
    if (isOver(record.state)) return record;
    throw new HindcastError({
      code: "CONFIG_INVALID",
      boundary: "config",
      message: `campaign ${id} is ${record.state}; \`hindcast campaigns cancel ${id}\` ends it`,
    });
  }

  /** Stores what `next` makes of the record, again from the start when it changed meanwhile; null leaves it alone. */
  async #change(id: CampaignId, next: (record: CampaignRecord) => CampaignRecord | null): Promise<CampaignRecord> {
    return await compareAndSet(async () => {
      const stored = await this.#store.get(id);
      if (stored === null) throw notFound(id);
      const changed = next(stored.value);
      if (changed === null) return stored.value;
      await this.#store.update(id, changed, stored.revision);
      return changed;
    });
  }
}

function aCampaign(number: number, { name, settings, documents, requestId = null }: Wanted): CampaignRecord {
  return {
    v: 1,
    id: `c-${String(number).padStart(4, "0")}` as CampaignId,
    name,
    settings,
    documents,
    state: "running",
    detail: null,
    report: null,
    startedAt: new Date().toISOString(),
    endedAt: null,
    leader: null,
    resumed: 0,
    tuning: {},
    requestId,
    forgottenAt: null,
    takenUp: { times: 0, newestResult: 0, newestRecord: 0 },
  };
}

function isMadeBy(record: CampaignRecord, { requestId = null }: Wanted): boolean {
  return requestId !== null && record.requestId === requestId;
}

/** An id that is not derived from what is asked for would start nothing and say that it had. */
function assertSame(record: CampaignRecord, { name, settings, documents, requestId }: Wanted): CampaignRecord {
  const isSame =
    record.name === name &&
    record.documents.sha256 === documents.sha256 &&
    isDeepStrictEqual(record.settings, settings);
  if (isSame) return record;
  throw new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message:
      `request ${requestId ?? ""} has started campaign ${record.id}, of another name, settings or documents; ` +
      `derive a request's id from all that it asks for`,
  });
}

function isLedBy({ state, leader }: CampaignRecord, { workerId, token }: CampaignLeader): boolean {
  return state === "running" && leader?.workerId === workerId && leader.token === token;
}

function ended({ id, state }: CampaignRecord, verb: string): HindcastError {
  return new HindcastError({
    code: "CAMPAIGN_ENDED",
    boundary: "campaign",
    message: `campaign ${id} is ${state}, and only one that is running or paused can be ${verb}`,
  });
}

function notFound(id: CampaignId): HindcastError {
  return new HindcastError({
    code: "CAMPAIGN_NOT_FOUND",
    boundary: "campaign",
    message: `there is no campaign ${id}; \`hindcast status\` lists them`,
  });
}
