// Where requests of one model are handed in to be answered in batches. Requests are gathered into groups; a group becomes
// a batch once the register (batch-record.ts) has it, unless their answers are in the journal or on their way in another
// batch. Answers go to the journal first and then to whoever waits. Also looks after the batches that other processes,
// or this one before a crash, have left open.
import { HindcastError, messageOf } from "../../../errors.ts";
import { leaseOf } from "../../../protocol/subjects.ts";
import { failureError, systemClock } from "../attempts.ts";
import { DriverFailure } from "../driver.ts";
import { readJournaled } from "../journal.ts";
import type { Completion, CompletionRequest } from "../model.ts";
import { batchCostMax } from "../prices.ts";
import { requestHashOf } from "../request-hash.ts";
import { assertSendable, tokensMaxOf } from "../retry.ts";
import { type AnswerOptions, takeOutcome } from "./batch-answers.ts";
import type { BatchDeskOptions, BatchEvent } from "./batch-desk-options.ts";
import type { BatchOutcome } from "./batch-driver.ts";
import type { BatchItemOutcome, BatchRecord } from "./batch-record.ts";
import { type Ending, isTry, nothingBought, outcomeWord } from "./batch-ending.ts";
import { openBatch, type OpenOptions } from "./batch-opening.ts";
import { noPurse, payAll } from "./batch-purse.ts";
import { BatchRest } from "./batch-rest.ts";
import { type HeldBatch, isTooOld, readResults, runBatch, type RunOptions } from "./batch-run.ts";
import { BatchStore, type Versioned } from "./batch-store.ts";
import { batchTuning } from "./batch-tuning.ts";
import { RequestGroup } from "./request-group.ts";
import { UnaffordableRequests } from "./unaffordable-requests.ts";
import { WaitingRequest } from "./waiting-request.ts";

export class BatchDesk implements AsyncDisposable {
  readonly #options: BatchDeskOptions;
  readonly #run: RunOptions;
  readonly #open: OpenOptions;
  readonly #answers: AnswerOptions;
  readonly #group: RequestGroup;
  /** Everything that is waited for here, by hash. */
  readonly #waiting = new Map<string, WaitingRequest>();
  /** Waiting requests that are in an open batch, with that batch. */
  readonly #inBatch = new Map<string, string>();
  /** Requests that found too many open batches. */
  #held: WaitingRequest[] = [];
  readonly #unaffordable: UnaffordableRequests;
  /**
   * Batches that are opened, taken up or run here: a lease does not keep a process from itself. And when one that gave
   * trouble may be tried again.
   */
  readonly #mine = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #resting = new Map<string, number>();
  readonly #rest = new BatchRest();
  readonly #stopping = new AbortController();
  readonly #tending: Promise<void>;

  constructor(options: BatchDeskOptions) {
    const { driver, batches, clock = systemClock, random = Math.random, purse = noPurse } = options;
    this.#options = options;
    const { leases, journal, owner, prices } = options;
    const tuning = { ...batchTuning, ...options.tuning };
    const store = new BatchStore(batches, driver.driver);
    const isUnwanted = (batch: BatchRecord): Promise<boolean> => this.#isUnwanted(batch);
    this.#run = { driver, clock, random, tuning, store, purse, isUnwanted, onTaken: () => this.#rest.end() };
    this.#open = { ...this.#run, leases, journal, owner, claimed: this.#mine };
    this.#answers = { driver: driver.driver, prices, journal, clock };
    this.#group = new RequestGroup(tuning, (requests) => void this.#handIn(requests));
    this.#unaffordable = new UnaffordableRequests({
      model: driver.driver.id,
      purse,
      onRoom: (waiting) => this.#group.add(waiting),
      onNever: (waiting, error) => this.#fail(waiting, error),
    });
    this.#tending = this.#tend();
  }

  /** Waits for an answer from a batch, for up to two days. @throws as `Model.complete` */
  async ask(request: CompletionRequest, hasFallback: boolean, signal: AbortSignal): Promise<Completion> {
    signal.throwIfAborted();
    const { driver } = this.#options.driver;
    assertSendable(driver, request);
    const hash = requestHashOf(driver, request);
    const known = this.#waiting.get(hash);
    const waiting = known ?? new WaitingRequest(hash, request, this.#usdMaxOf(request));
    if (hasFallback) waiting.hasFallback = true;
    if (known === undefined) {
      this.#waiting.set(hash, waiting);
      waiting.left.addEventListener("abort", () => this.#forget(waiting), { once: true });
      this.#group.add(waiting);
    }
    return await waiting.join(signal);
  }

  /**
   * Lets go of all batches: they stay open at the provider, for whoever asks for the same requests next. Nobody who waits
   * is told: an error would end campaigns that only this process stops working on.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error("the batch desk is closing"));
    this.#group.close();
    await Promise.all([this.#tending, ...this.#running.values()]);
  }

  #usdMaxOf(request: CompletionRequest): number | null {
    const { driver, prices } = this.#options;
    return batchCostMax(tokensMaxOf(request), driver.driver.id, prices, this.#run.clock.now());
  }

  /** Nobody here waits for it, and every campaign on whose account it is has ended. Who joined it elsewhere asks again. */
  async #isUnwanted({ items }: BatchRecord): Promise<boolean> {
    const { isCampaignOver = () => Promise.resolve(false) } = this.#options;
    if (items.some(({ hash }) => this.#waiting.has(hash))) return false;
    for (const campaignId of new Set(items.map((item) => item.campaignId))) {
      if (campaignId === null || !(await isCampaignOver(campaignId))) return false;
    }
    return true;
  }

  #forget(waiting: WaitingRequest): void {
    const { hash } = waiting;
    // The same may be waited for anew.
    if (this.#waiting.get(hash) !== waiting) return;
    this.#waiting.delete(hash);
    this.#inBatch.delete(hash);
  }

  #settle(waiting: WaitingRequest, completion: Completion): void {
    this.#forget(waiting);
    waiting.settle(completion);
  }

  #fail(waiting: WaitingRequest, error: unknown): void {
    this.#forget(waiting);
    waiting.fail(error);
  }

  /** Makes a batch of those whose answer is neither known nor on its way. */
  async #handIn(requests: readonly WaitingRequest[]): Promise<void> {
    const wanted = requests.filter(({ left }) => !left.aborted);
    if (wanted.length === 0 || this.#stopping.signal.aborted) return;
    if (!this.#rest.isOver(this.#run.clock.now())) return void this.#held.push(...wanted);
    try {
      const opening = await openBatch(this.#open, wanted, this.#stopping.signal);
      const { answered, joined, fresh, later, never, batch } = opening;
      for (const { waiting, answer } of answered) this.#settle(waiting, answer);
      for (const each of joined) this.#join(each.waiting, each.batch);
      for (const { waiting, error } of never) this.#fail(waiting, error);
      this.#unaffordable.add(later);
      if (batch === null) return void this.#held.push(...fresh);
      for (const waiting of fresh) this.#join(waiting, batch.batch.value.id);
      this.#start("batch.opened", batch);
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      for (const waiting of wanted) this.#fail(waiting, error);
    }
  }

  /** Unless nobody waits for it any more. */
  #join(waiting: WaitingRequest, batch: string): void {
    if (this.#waiting.get(waiting.hash) === waiting) this.#inBatch.set(waiting.hash, batch);
  }

  #start(event: "batch.opened" | "batch.resumed", held: HeldBatch): void {
    const { id } = held.batch.value;
    this.#tell(event, held.batch.value, held.batch.value.providerId ?? "not yet submitted");
    const running = this.#conduct(held).finally(() => (this.#mine.delete(id), this.#running.delete(id)));
    this.#running.set(id, running);
  }

  /** From submission to the last answer. Never throws: what went wrong is told to those whom it concerns. */
  async #conduct(held: HeldBatch): Promise<void> {
    const signal = AbortSignal.any([this.#stopping.signal, held.lease.lost]);
    try {
      const end = await runBatch(this.#run, held, signal);
      switch (end.kind) {
        case "results":
          return await this.#takeResults(end.batch, signal);
        case "over": {
          const { state, reason, mayBeBilled } = end.status;
          const ending = {
            detail: reason,
            outcomeOf: () => outcomeWord[state],
            costOf: () => (mayBeBilled ? null : 0),
          };
          return await this.#close(end.batch.value, ending, signal);
        }
        case "absent":
          return await this.#close(held.batch.value, nothingBought(end.reason), signal);
        case "no-room":
          return await this.#close(held.batch.value, nothingBought("its budgets had no room for it"), signal);
        case "refused":
          return await this.#refused(held, end.failure, signal);
      }
    } catch (error) {
      await this.#troubled(held.batch.value, error, signal).catch((again: unknown) =>
        this.#tellTrouble(messageOf(again)),
      );
    } finally {
      await held.lease
        .release()
        .catch((error: unknown) => this.#tell("batch.troubled", held.batch.value, messageOf(error)));
    }
  }

  async #takeResults({ value: record }: Versioned<BatchRecord>, signal: AbortSignal): Promise<void> {
    const outcomes = new Map<string, { outcome: BatchItemOutcome; costUsd: number | null }>();
    const onOutcome = async (hash: string, outcome: BatchOutcome): Promise<void> => {
      outcomes.set(hash, await this.#take(record, hash, outcome));
    };
    await readResults(this.#run, record, { onOutcome, signal });
    const outcomeOf = (hash: string): BatchItemOutcome => outcomes.get(hash)?.outcome ?? "expired";
    const costOf = (hash: string): number | null => outcomes.get(hash)?.costUsd ?? null;
    await this.#close(record, { detail: null, outcomeOf, costOf }, signal);
  }

  async #take(
    record: BatchRecord,
    hash: string,
    outcome: BatchOutcome,
  ): Promise<{ outcome: BatchItemOutcome; costUsd: number | null }> {
    const waiting = this.#waiting.get(hash);
    const taken = await takeOutcome(this.#answers, record, { hash, outcome, request: waiting?.request ?? null });
    const { costUsd } = taken;
    switch (taken.kind) {
      case "answered":
        if (waiting !== undefined) this.#settle(waiting, taken.completion);
        return { outcome: "answered", costUsd };
      case "unanswered":
        return { outcome: taken.outcome, costUsd };
      case "failed":
        if (waiting !== undefined) this.#fail(waiting, failureError(record.model, taken.failure, waiting.tries + 1));
        return { outcome: "failed", costUsd };
    }
  }

  /**
   * Pays for a batch and writes its end down, in this order: dollars that are still reserved for a closed batch are
   * nobody's. Those who still wait for its requests ask again.
   */
  async #close(record: BatchRecord, { detail, outcomeOf, costOf }: Ending, signal: AbortSignal): Promise<void> {
    await payAll(this.#run.purse, record, { costOf, signal });
    const items = record.items.map((item) => ({ ...item, outcome: outcomeOf(item.hash) }));
    // Of those that were answered the journal knows more.
    const unanswered = items.filter(({ outcome }) => outcome !== "answered");
    const closed: BatchRecord = {
      ...record,
      state: "closed",
      items: unanswered,
      detail,
      closedAt: new Date(this.#run.clock.now()).toISOString(),
    };
    await this.#run.store.close(closed);
    const counts = Map.groupBy(items, ({ outcome }) => outcome);
    this.#tell("batch.closed", record, [...counts].map(([outcome, { length }]) => `${length} ${outcome}`).join(", "));
    for (const { hash } of items) {
      const waiting = this.#waiting.get(hash);
      if (waiting !== undefined && this.#inBatch.get(hash) === record.id) this.#askAgain(waiting, closed);
    }
  }

  /** Into the next batch, as long as there are tries left; a batch that was not submitted has used up none. */
  #askAgain(waiting: WaitingRequest, closed: BatchRecord | null): void {
    this.#inBatch.delete(waiting.hash);
    const item = closed?.items.find(({ hash }) => hash === waiting.hash);
    if (item !== undefined && isTry(item.outcome, closed)) waiting.tries = Math.max(waiting.tries, item.attempt);
    if (waiting.tries < this.#run.tuning.triesMax) return this.#group.add(waiting);
    if (waiting.hasFallback) return void this.#askAlone(waiting);
    const kind = item?.outcome === "expired" ? ("timeout" as const) : ("unavailable" as const);
    const message = closed?.detail ?? `the request was not answered in its batch (${item?.outcome ?? "unknown"})`;
    this.#fail(
      waiting,
      failureError(this.#options.driver.driver.id, new DriverFailure({ kind, message }), waiting.tries),
    );
  }

  async #askAlone(waiting: WaitingRequest): Promise<void> {
    try {
      this.#settle(waiting, await this.#options.single.complete(waiting.request, waiting.left));
    } catch (error) {
      this.#fail(waiting, error);
    }
  }

  /** One request that the provider does not accept refuses the whole batch: halves find it. */
  async #refused(
    { batch: { value: record }, requests }: HeldBatch,
    failure: DriverFailure,
    signal: AbortSignal,
  ): Promise<void> {
    const concerned = record.items.flatMap(({ hash }) => this.#waiting.get(hash) ?? []);
    for (const { hash } of concerned) this.#inBatch.delete(hash);
    await this.#close(record, nothingBought(failure.message), signal);
    if (this.#rest.begin(failure, this.#run.clock.now())) {
      this.#held.push(...concerned);
      return this.#tell("batch.troubled", record, `${failure.message}; its requests wait`);
    }
    const isOneOfMany = failure.kind === "request-invalid" || failure.kind === "context-overflow";
    if (isOneOfMany && (requests?.size ?? 0) > 1) {
      const half = Math.ceil(concerned.length / 2);
      await Promise.all([concerned.slice(0, half), concerned.slice(half)].map((part) => this.#handIn(part)));
      return;
    }
    const { id } = this.#options.driver.driver;
    for (const waiting of concerned) {
      if (failure.kind !== "context-overflow") this.#fail(waiting, failureError(id, failure, waiting.tries + 1));
      else await this.#take(record, waiting.hash, { kind: "failed", failure });
    }
  }

  /** The batch stays open. Trouble that may pass is waited out; of any other those who wait are told. */
  async #troubled(record: BatchRecord, error: unknown, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#resting.set(record.id, this.#run.clock.now() + this.#run.tuning.pollMsMax);
    this.#tell("batch.troubled", record, messageOf(error));
    if (isTooOld(record, this.#run.clock)) {
      const ending = { detail: messageOf(error), outcomeOf: () => "failed" as const, costOf: () => null };
      return await this.#close(record, ending, signal);
    }
    if (error instanceof HindcastError && error.retryable) return;
    for (const { hash } of record.items) {
      const waiting = this.#waiting.get(hash);
      if (waiting !== undefined && this.#inBatch.get(hash) === record.id) this.#fail(waiting, error);
    }
  }

  /** Takes up batches that nobody looks after, notices those that others have closed, and tries held requests again. */
  async #tend(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const { value } = await this.#run.store.register();
        // One that cannot be taken up (another version's record) is no reason to leave the others.
        const told = (error: unknown): void => void (signal.aborted || this.#tellTrouble(messageOf(error)));
        for (const id of value.open) await this.#takeUp(id).catch(told);
        await this.#afterOthers(new Set(value.open));
        const held = this.#held.filter(({ left }) => !left.aborted);
        this.#held = [];
        const mayOpen = value.open.length < this.#run.tuning.openMax && this.#rest.isOver(this.#run.clock.now());
        if (mayOpen) for (const waiting of held) this.#group.add(waiting);
        else this.#held = held;
        await this.#unaffordable.retry(signal);
      } catch (error) {
        if (!signal.aborted) this.#tellTrouble(messageOf(error));
      }
      await this.#run.clock.sleep(this.#run.tuning.tendMs, signal).catch(() => undefined);
    }
  }

  async #takeUp(id: string): Promise<void> {
    if (this.#stopping.signal.aborted || this.#mine.has(id)) return;
    if ((this.#resting.get(id) ?? 0) > this.#run.clock.now()) return;
    this.#resting.delete(id);
    const { leases, owner } = this.#options;
    const acquisition = await leases.acquire(leaseOf.batch(id), owner, this.#run.tuning.leaseTtlMs);
    if (acquisition.kind !== "acquired") return;
    const { lease } = acquisition;
    let isStarted = false;
    try {
      const batch = await this.#run.store.batch(id);
      if (batch !== null && batch.value.state !== "closed") {
        this.#mine.add(id);
        this.#start("batch.resumed", { batch, lease, requests: null });
        isStarted = true;
      } else if (batch !== null) {
        // Its process died between closing it and striking it off.
        await this.#run.store.close(batch.value);
      }
    } finally {
      // It renews itself: what cannot be read here would be kept from those who can.
      if (!isStarted) await lease.release();
    }
  }

  /** Requests that waited for a batch which is closed: its answers are in the journal. */
  async #afterOthers(open: ReadonlySet<string>): Promise<void> {
    for (const [hash, id] of Array.from(this.#inBatch)) {
      const waiting = this.#waiting.get(hash);
      if (open.has(id) || this.#mine.has(id) || waiting === undefined) continue;
      const closed = (await this.#run.store.batch(id))?.value ?? null;
      // Opened since the register was read.
      if (closed !== null && closed.state !== "closed") continue;
      const answer = await readJournaled(this.#options.journal, hash);
      if (answer === null) this.#askAgain(waiting, closed);
      else this.#settle(waiting, answer);
    }
  }

  #tell(event: BatchEvent["event"], { id, model, items }: BatchRecord, detail: string): void {
    this.#options.onEvent?.({ event, model, batch: id, requests: items.length, detail });
  }

  #tellTrouble(detail: string): void {
    const model = this.#options.driver.driver.id;
    this.#options.onEvent?.({ event: "batch.troubled", model, batch: "", requests: 0, detail });
  }
}
