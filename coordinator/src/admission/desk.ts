// The one desk at which a fleet's requests are admitted, while this process holds the lease: who waits, who was let go,
// who settles. Decisions are `Admitter`'s; this gives them their clock, makes dollars durable before an answer, and
// notices the dead.
import {
  type AdmissionReply,
  type AdmissionReserve,
  type AdmissionSettle,
  type AdmissionStatus,
  HindcastError,
  type LaneRates,
  type LaneTuning,
  limits,
} from "@hindcast/shared";
import { Admitter, batchHolder, type BudgetAccount, type Decision, type Logger } from "@hindcast/shared/node";
import type { AdmissionMetrics } from "./admission-metrics.ts";
import { accountsOf } from "./accounts-of.ts";
import type { BudgetBook } from "./budget-book.ts";
import type { CampaignTerms, TermsOfCampaigns } from "./campaign-terms.ts";
import { Holders } from "./holders.ts";
import type { AdmissionSettings } from "./settings.ts";
import { granted, priceUnknown, refusedFor, settledAlready, Visit } from "./visit.ts";

export interface DeskDeps {
  settings: AdmissionSettings;
  book: BudgetBook;
  terms: TermsOfCampaigns;
  logger: Logger;
  metrics: AdmissionMetrics;
  /** Called when a write finds that another process admits. */
  onFenced: (error: unknown) => void;
}

/** A reservation that nobody settles is given up after the longest call, however alive its holder is. */
const ticketMsMax = limits.modelCallTimeoutMs + limits.admissionSettleMsMax;
/** Longer than an ask for a ticket can be on its way or wait for its campaign's terms. */
const settledKeptMs = 2 * limits.admissionWaitMs;
/** Some 6 MiB. */
const settledKeptMax = 65_536;

export class Desk {
  readonly admitter: Admitter;
  readonly #deps: DeskDeps;
  readonly #visits = new Map<string, Visit>();
  readonly #grantedMs = new Map<string, number>();
  /** When each was settled: an ask for it that comes later must hold nothing, for nobody would ever settle it again. */
  readonly #settledMs = new Map<string, number>();
  readonly #holders = new Holders();
  #timer: NodeJS.Timeout | undefined;
  #zombies = 0;
  #isClosed = false;

  constructor(deps: DeskDeps) {
    this.#deps = deps;
    this.admitter = new Admitter(deps.settings.limitsOf);
  }

  /** Reservations that an earlier desk wrote down are open here too; their holders have from now on to be heard of. */
  inherit(): void {
    const isProcess = (holder: string): boolean => holder !== batchHolder;
    for (const account of this.#deps.book.accounts()) {
      for (const holder of account.holders()) if (isProcess(holder)) this.saw(holder);
      for (const ticket of account.ticketsOf(isProcess)) this.#grantedMs.set(ticket, Date.now());
    }
  }

  saw(holder: string): void {
    this.#holders.saw(holder, Date.now());
  }

  async reserve(request: AdmissionReserve): Promise<AdmissionReply> {
    this.saw(request.holder);
    const visit = this.#visits.get(request.ticket) ?? (await this.#enter(request));
    if (this.#isClosed) throw takenOver(null);
    if (!(visit instanceof Visit)) return visit;
    const answer = visit.attach(request.waitMs, () => this.admitter.blockOf(visit.request, Date.now()));
    this.#decide();
    return answer;
  }

  /** @returns false for a ticket that is not open here: no dollars move. */
  async settle(settlement: AdmissionSettle): Promise<boolean> {
    this.saw(settlement.holder);
    const { ticket, lane, costUsd, outcome, detail } = settlement;
    this.#remember(ticket);
    const visit = this.#visits.get(ticket);
    if (visit !== undefined && !this.admitter.isGranted(ticket)) {
      this.admitter.withdraw(visit.request);
      this.#leave(ticket);
      return true;
    }
    if (outcome === "spent") this.#deps.logger.warn({ event: "lane.paused", lane, reason: detail }, "lane paused");
    const isKnown = await this.#close(ticket, lane, { costUsd: outcome === "unused" ? 0 : costUsd, settlement });
    if (!isKnown && outcome !== "unused") {
      this.#zombies += 1;
      this.#deps.metrics.zombie();
    }
    return isKnown;
  }

  resume(lane: string): void {
    this.#deps.logger.info({ event: "lane.resumed", lane }, "lane resumed by an operator");
    this.admitter.resume(lane);
    this.#decide();
  }

  /** @throws BUS_NOT_FOUND for a lane that nothing was sent on */
  tune(lane: string, tuning: LaneTuning): { before: LaneRates; after: LaneRates } {
    const rates = this.admitter.tune(lane, tuning, Date.now());
    if (rates === null) throw unknownLane(lane);
    this.#deps.logger.info({ event: "lane.tuned", lane, ...rates }, "lane tuned by an operator");
    this.#decide();
    return rates;
  }

  /** A campaign's terms have changed: those of its requests that wait go on under the new ones, in their order. */
  retune(campaign: string, terms: CampaignTerms): void {
    for (const { request } of this.#visits.values()) {
      if (request.flow !== campaign || this.admitter.isGranted(request.ticket)) continue;
      const { priority, weight } = terms;
      this.admitter.replace(
        request,
        { priority, weight, accounts: accountsOf(this.#deps, campaign, terms) },
        Date.now(),
      );
    }
    this.#deps.book.relimit(campaign, terms.costUsdMax);
    this.#decide();
  }

  /** Dollars have come free that were not a request's. */
  look(): void {
    this.#decide();
  }

  status(): Omit<AdmissionStatus, "v" | "kind"> {
    const budgets = this.#deps.book.accounts().map((account) => account.status());
    return { lanes: this.admitter.status(Date.now()), budgets, zombieSettlements: this.#zombies };
  }

  /** Once a second or so: gives up what nobody will come back for. */
  async sweep(): Promise<void> {
    const nowMs = Date.now();
    for (const [ticket, visit] of this.#visits) {
      if (!visit.isAbandoned(nowMs) || this.admitter.isGranted(ticket)) continue;
      this.admitter.withdraw(visit.request);
      this.#visits.delete(ticket);
    }
    for (const [ticket, settledMs] of this.#settledMs) {
      if (nowMs - settledMs <= settledKeptMs) break;
      this.#settledMs.delete(ticket);
    }
    const dead = this.#holders.takeDead(nowMs);
    const isDead = (holder: string): boolean => dead.has(holder);
    const open = new Map(this.admitter.ticketsOf(isDead).map(({ ticket, lane }) => [ticket, lane]));
    for (const account of this.#deps.book.accounts()) {
      for (const ticket of account.ticketsOf(isDead)) open.set(ticket, open.get(ticket) ?? "");
    }
    for (const [ticket, grantedMs] of this.#grantedMs) {
      if (nowMs - grantedMs > ticketMsMax) open.set(ticket, this.#visits.get(ticket)?.request.lane ?? "");
    }
    for (const [ticket, lane] of open) {
      this.#deps.logger.warn({ event: "admission.expired", ticket, lane }, "a reservation expired unsettled");
      await this.#close(ticket, lane, { costUsd: null, settlement: null });
    }
    const { lanes, budgets } = this.status();
    this.#deps.metrics.show({ lanes, budgets: budgets.filter(({ account }) => !this.#deps.terms.isOver(account)) });
  }

  /** Whoever waits asks the next one who admits. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const visit of this.#visits.values()) visit.fail(takenOver(null));
    this.#deps.metrics.forget();
  }

  async #enter(request: AdmissionReserve): Promise<Visit | AdmissionReply> {
    const { terms, settings } = this.#deps;
    if (!this.admitter.hasRoomFor(request.lane)) throw tooManyLanes(request.lane);
    const applied = await terms.of(request.campaignId);
    const { priority, weight } = applied;
    const accounts = accountsOf(this.#deps, request.campaignId, applied);
    if (accounts.length > 0 && request.usdMax === null && !settings.allowUnknownPrices) return priceUnknown(request);
    const known = this.#visits.get(request.ticket);
    if (known !== undefined) return known;
    if (this.#settledMs.has(request.ticket)) return settledAlready;
    // Written for it by a desk that is no more, but never said: it is still asking.
    for (const account of accounts) if (account.holds(request.ticket)) account.settle(request.ticket, 0);
    const visit = new Visit(request, { priority, weight, accounts });
    this.#visits.set(request.ticket, visit);
    this.admitter.enqueue(visit.request, Date.now());
    return visit;
  }

  #decide(): void {
    if (this.#isClosed) return;
    for (const decision of this.admitter.decide(Date.now())) this.#carryOut(decision);
    clearTimeout(this.#timer);
    const nowMs = Date.now();
    const nextMs = this.admitter.nextMs(nowMs);
    if (nextMs === null) return;
    this.#timer = setTimeout(() => this.#decide(), nextMs - nowMs);
    this.#timer.unref();
  }

  #carryOut(decision: Decision): void {
    const { ticket, accounts, lane } = decision.request;
    const visit = this.#visits.get(ticket);
    if (decision.kind === "exhausted") {
      this.#leave(ticket);
      visit?.answer(refusedFor(decision.account, decision.request.usdMax));
      return;
    }
    const nowMs = Date.now();
    this.#grantedMs.set(ticket, nowMs);
    const reply = granted(this.admitter.share(lane, this.#holders.count, nowMs), accounts.length > 0);
    this.#commit(accounts).then(
      () => visit?.answer(reply),
      (error: unknown) => visit?.fail(error),
    );
  }

  async #close(
    ticket: string,
    lane: string,
    { costUsd, settlement }: { costUsd: number | null; settlement: AdmissionSettle | null },
  ): Promise<boolean> {
    this.#visits.delete(ticket);
    this.#grantedMs.delete(ticket);
    // A holder that died says nothing of the provider.
    const outcome = settlement ?? { outcome: "aborted" as const, ...nothingSaid };
    const settled =
      lane === ""
        ? { isKnown: false, excessUsd: 0, accounts: [] }
        : this.admitter.settle({ ticket, lane, costUsd }, outcome, Date.now());
    const inherited = settled.isKnown ? [] : this.#deps.book.accounts().filter((account) => account.holds(ticket));
    const excess = inherited.map((account) => account.settle(ticket, costUsd) ?? 0);
    this.#deps.metrics.excess(Math.max(settled.excessUsd, ...excess));
    const committed = this.#commit([...settled.accounts, ...inherited]);
    this.#decide();
    await committed;
    return settled.isKnown || inherited.length > 0;
  }

  async #commit(accounts: readonly BudgetAccount[]): Promise<void> {
    try {
      await Promise.all(accounts.map((account) => this.#deps.book.commit(account)));
    } catch (error) {
      this.#deps.onFenced(error);
      throw takenOver(error);
    }
  }

  /** In the order of time, so that the oldest give way. */
  #remember(ticket: string): void {
    this.#settledMs.delete(ticket);
    this.#settledMs.set(ticket, Date.now());
    for (const oldest of this.#settledMs.keys()) {
      if (this.#settledMs.size <= settledKeptMax) break;
      this.#settledMs.delete(oldest);
    }
  }

  #leave(ticket: string): void {
    this.#visits.delete(ticket);
  }
}

/** Whatever kept this desk from writing, asking again is right: somebody else admits now, or soon. */
export function takenOver(cause: unknown): HindcastError {
  const message = "this coordinator no longer admits; another one takes over";
  return new HindcastError({ code: "BUS_UNAVAILABLE", boundary: "bus", message, retryable: true, cause });
}

function tooManyLanes(lane: string): HindcastError {
  const message = `${lane} would be more than ${limits.admissionLanesMax} lanes; do agents use endpoints or keys of their own?`;
  return new HindcastError({ code: "PROTOCOL_INVALID", boundary: "protocol", message });
}

function unknownLane(lane: string): HindcastError {
  const message = `there is no lane ${lane}; \`hindcast lanes\` shows those that requests were sent on`;
  return new HindcastError({ code: "BUS_NOT_FOUND", boundary: "campaign", message });
}

const nothingSaid = { usage: null, retryAfterMs: null, detail: "", durationMs: 0, learned: [] };
