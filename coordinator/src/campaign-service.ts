// Starts, cancels and lists campaigns for whoever asks over `hindcast.control.*`, and leads those that nobody else does.
import {
  type CampaignId,
  type CampaignRecord,
  type Change,
  CommandVerb,
  ControlReply,
  ControlRequest,
  subjects,
  type WorkerId,
} from "@hindcast/shared";
import { unpriced } from "./admission/visit.ts";
import { CampaignLeadership } from "./campaign-leadership.ts";
import { CampaignRecords } from "./campaign-records.ts";
import type { CampaignDeps } from "./campaign-run.ts";
import { type Audited, audited } from "./control/auditing.ts";
import { carryOut } from "./control/commands.ts";
import { InstructionHistory } from "./instruction-history.ts";

/** Only one coordinator answers a control request. */
const controlQueue = "coordinators";
const verbs = ["start", "list", ...CommandVerb.options];

export class CampaignService implements AsyncDisposable {
  readonly #deps: CampaignDeps & { workerId: WorkerId };
  readonly #records: CampaignRecords;
  readonly #leadership: CampaignLeadership;
  readonly #endpoints: AsyncDisposable[] = [];
  readonly #stopping = new AbortController();
  #leading: Promise<void> = Promise.resolve();

  constructor(deps: CampaignDeps & { workerId: WorkerId }) {
    this.#deps = deps;
    this.#records = new CampaignRecords(deps.bus);
    const history = new InstructionHistory(deps.bus);
    this.#leadership = new CampaignLeadership({ history, ...deps }, this.#records);
  }

  async start(): Promise<void> {
    this.#leading = this.#leadership.run(this.#stopping.signal);
    for (const verb of verbs) {
      const endpoint = await this.#deps.bus.serve({
        subject: subjects.control(verb),
        queue: controlQueue,
        request: ControlRequest,
        reply: ControlReply,
        handle: (request, _signal, user) => this.#answer(request, user),
      });
      this.#endpoints.push(endpoint);
    }
  }

  /** Stops taking requests and lets go of running campaigns; they stay `running`, and another coordinator goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#endpoints.map((endpoint) => endpoint[Symbol.asyncDispose]()));
    this.#stopping.abort(new Error("the coordinator is stopping"));
    await this.#leading;
  }

  async #answer(request: ControlRequest, user: string | null): Promise<ControlReply> {
    if (request.kind === "campaign.list") {
      return { v: 1, kind: "campaigns", campaigns: await this.#records.list() };
    }
    const { result, changes, sequence } = await audited(this.#deps, { request, user }, () => this.#change(request));
    return result === null
      ? { v: 1, kind: "changes", changes, auditSequence: sequence }
      : { v: 1, kind: "campaign", campaign: result };
  }

  async #change(request: Audited): Promise<{ result: CampaignRecord | null; changes: Change[] }> {
    const { bus } = this.#deps;
    const records = this.#records;
    if (request.kind === "command") {
      return { result: null, changes: await carryOut({ bus, records, cancel: (id) => this.#cancel(id) }, request) };
    }
    if (request.kind === "campaign.start") {
      // Whoever leads it sees the new record.
      this.#assertModelsUsable(request.settings);
      const { campaign, isNew } = await records.create(request);
      return changed(campaign, isNew ? "absent" : campaign.state);
    }
    const before = await records.stateOf(request.campaignId);
    return changed(await this.#cancel(request.campaignId), before);
  }

  /** Creating a model checks its name, its key and its batch endpoint, and a dollar limit needs prices: before anything is spent. */
  #assertModelsUsable({ models: { generator, policy, judges }, batch, costUsdMax }: CampaignRecord["settings"]): void {
    const models = [this.#deps.model(policy), ...[generator, ...judges].map((id) => this.#deps.model(id, batch))];
    for (const { id, isPriced = true } of models) {
      if (costUsdMax !== null && !isPriced && this.#deps.allowUnknownPrices !== true) throw unpriced(id);
    }
  }

  /** Its leader, wherever it is, sees the state and stops; what that one queues at the last moment ends as cancelled. */
  async #cancel(id: CampaignId): Promise<CampaignRecord> {
    const detail = "cancelled by request";
    const cancelled = await this.#records.end(id, { state: "cancelled", detail, report: null }, null);
    this.#deps.logger.info({ event: "campaign.ended", campaignId: id, state: cancelled.state, detail });
    await this.#leadership.letGo(id, `campaign ${id} was cancelled`);
    await this.#deps.bus.tasks.purge(id);
    return cancelled;
  }
}

function changed(campaign: CampaignRecord, before: string): { result: CampaignRecord; changes: Change[] } {
  const { id, state } = campaign;
  const change = { what: `campaign ${id}`, campaignId: id, before, after: state, problem: null };
  return { result: campaign, changes: [change] };
}
