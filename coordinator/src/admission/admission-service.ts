// Admission for the whole fleet by one of its coordinators: whoever holds the lease answers `hindcast.admission.*`, and
// starts from the budgets and lanes that the one before has written down.
import {
  AdmissionDone,
  AdmissionHeld,
  AdmissionHold,
  AdmissionPay,
  AdmissionRenew,
  AdmissionReply,
  AdmissionReserve,
  AdmissionResume,
  AdmissionRoom,
  AdmissionRoomReply,
  AdmissionSettle,
  AdmissionSettled,
  AdmissionStatus,
  AdmissionStatusRequest,
  AdmissionTune,
  AdmissionTuned,
  type AdmissionVerb,
  BudgetRecord,
  LaneRecord,
  leaseOf,
  limits,
  messageOf,
  subjects,
  type WorkerId,
} from "@hindcast/shared";
import { BatchesValue, type Bus, type Lease, letGo, type Logger, systemClock } from "@hindcast/shared/node";
import type { AdmissionMetrics } from "./admission-metrics.ts";
import { BatchAccounts } from "./batch-accounts.ts";
import { BudgetBook } from "./budget-book.ts";
import { TermsOfCampaigns } from "./campaign-terms.ts";
import { Desk } from "./desk.ts";
import type { AdmissionSettings } from "./settings.ts";

export interface AdmissionDeps {
  bus: Bus;
  /** Names this process among those that may admit. */
  id: WorkerId;
  settings: AdmissionSettings;
  logger: Logger;
  metrics: AdmissionMetrics;
}

/** Admits whenever it is this process's turn, until `signal` aborts. */
export async function runAdmission(deps: AdmissionDeps, signal: AbortSignal): Promise<void> {
  const { bus, id, logger } = deps;
  while (!signal.aborted) {
    try {
      const acquisition = await bus.leases.acquire(leaseOf.admission, id, limits.admissionLeaseMs);
      if (acquisition.kind === "acquired") await admitUnder(acquisition.lease, deps, signal);
    } catch (error) {
      if (!signal.aborted) logger.warn({ event: "admission.failed", err: error }, messageOf(error));
    }
    // It rejects only when it is told to stop, which the loop sees.
    await systemClock.sleep(limits.admissionElectionMs, signal).catch(() => undefined);
  }
}

async function admitUnder(lease: Lease, deps: AdmissionDeps, outer: AbortSignal): Promise<void> {
  const { logger } = deps;
  const over = new AbortController();
  const signal = AbortSignal.any([outer, lease.lost, over.signal]);
  try {
    await using _service = await openService(deps, { signal, onFenced: (error) => over.abort(error) });
    logger.info({ event: "admission.begun" }, "this coordinator admits for the fleet");
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    logger.info({ event: "admission.ended", reason: messageOf(signal.reason) });
  } finally {
    await letGo(lease, logger);
  }
}

async function openService(
  { bus, settings, logger, metrics }: AdmissionDeps,
  { signal, onFenced }: { signal: AbortSignal; onFenced: (error: unknown) => void },
): Promise<AsyncDisposable> {
  const book = new BudgetBook(bus.records("BUDGETS", BudgetRecord));
  const lanes = bus.records("LANES", LaneRecord);
  const terms = new TermsOfCampaigns(bus);
  await book.open();
  const desk = new Desk({ settings, book, terms, logger, metrics, onFenced });
  for (const { key, value } of await lanes.entries()) desk.admitter.restore(key, value, Date.now());
  desk.inherit();
  terms
    .follow(signal, (campaign, changed) => desk.retune(campaign, changed))
    .catch((error: unknown) => signal.aborted || onFenced(error));

  const batches = bus.records("BATCHES", BatchesValue);
  const accounts = new BatchAccounts({ settings, book, terms, batches, logger, onFenced, onPaid: () => desk.look() });

  const saved = new Map<string, string>();
  const write = async (): Promise<void> => {
    for (const { lane, record } of desk.admitter.records(Date.now())) {
      const text = JSON.stringify(record);
      if (saved.get(lane) === text) continue;
      await lanes.put(lane, record);
      saved.set(lane, text);
    }
  };
  let saving = Promise.resolve();
  /** One after the other: an older record must not be written over a newer one. */
  const save = (): Promise<void> => (saving = saving.then(write, write));
  const keep = async (): Promise<void> => {
    let sweepAccountsMs = 0;
    while (!signal.aborted) {
      // As above.
      await systemClock.sleep(limits.admissionSaveMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      await Promise.all([desk.sweep(), save()]);
      if (Date.now() < sweepAccountsMs) continue;
      await accounts.sweep();
      await book.close((name) => terms.isLongOver(name));
      sweepAccountsMs = Date.now() + limits.batchTendMs;
    }
  };
  const keeping = keep().catch((error: unknown) => onFenced(error));
  const endpoints = new AsyncDisposableStack();
  const close = async (): Promise<void> => {
    desk.close();
    await endpoints.disposeAsync();
    await keeping;
  };
  try {
    await serveAccounts(bus, accounts, endpoints);
    await serveDesk(bus, desk, { save, endpoints });
  } catch (error) {
    // What was opened of it would take settlements from whoever admits next, and change nothing by them.
    onFenced(error);
    await close();
    throw error;
  }
  return { [Symbol.asyncDispose]: close };
}

/** Every request is answered by the one process that holds the lease; the queue is for the moment of a change. */
const at = (verb: AdmissionVerb): { subject: string; queue: string; inFlightMax: number } => ({
  subject: subjects.admission(verb),
  queue: "admission",
  inFlightMax: limits.admissionWaitingMax,
});
const done = { v: 1, kind: "admission.done" } as const;

async function serveAccounts(bus: Bus, accounts: BatchAccounts, endpoints: AsyncDisposableStack): Promise<void> {
  endpoints.use(
    await bus.serve({
      ...at("room"),
      request: AdmissionRoom,
      reply: AdmissionRoomReply,
      handle: async (request) => ({
        v: 1 as const,
        kind: "admission.room" as const,
        ...(await accounts.room(request)),
      }),
    }),
  );
  endpoints.use(
    await bus.serve({
      ...at("hold"),
      request: AdmissionHold,
      reply: AdmissionHeld,
      handle: async (request) => ({
        v: 1 as const,
        kind: "admission.held" as const,
        isHeld: await accounts.hold(request),
      }),
    }),
  );
  endpoints.use(
    await bus.serve({
      ...at("pay"),
      request: AdmissionPay,
      reply: AdmissionDone,
      handle: async (request) => {
        await accounts.pay(request);
        return done;
      },
    }),
  );
}

async function serveDesk(
  bus: Bus,
  desk: Desk,
  { save, endpoints }: { save: () => Promise<void>; endpoints: AsyncDisposableStack },
): Promise<void> {
  endpoints.use(
    await bus.serve({
      ...at("settle"),
      request: AdmissionSettle,
      reply: AdmissionSettled,
      handle: async (request) => ({
        v: 1 as const,
        kind: "admission.settled" as const,
        isKnown: await desk.settle(request),
      }),
    }),
  );
  endpoints.use(
    await bus.serve({
      ...at("renew"),
      request: AdmissionRenew,
      reply: AdmissionDone,
      handle: async ({ holder }) => (desk.saw(holder), done),
    }),
  );
  endpoints.use(
    await bus.serve({
      ...at("status"),
      request: AdmissionStatusRequest,
      reply: AdmissionStatus,
      handle: async () => ({ v: 1 as const, kind: "admission.status" as const, ...desk.status() }),
    }),
  );
  endpoints.use(
    await bus.serve({
      ...at("resume"),
      request: AdmissionResume,
      reply: AdmissionDone,
      handle: async ({ lane }) => (desk.resume(lane), done),
    }),
  );
  endpoints.use(
    await bus.serve({
      ...at("tune"),
      request: AdmissionTune,
      reply: AdmissionTuned,
      handle: async ({ lane, tuning }) => {
        const rates = desk.tune(lane, tuning);
        await save();
        return { v: 1 as const, kind: "admission.tuned" as const, ...rates };
      },
    }),
  );
  endpoints.use(
    await bus.serve({
      ...at("reserve"),
      request: AdmissionReserve,
      reply: AdmissionReply,
      handle: (request) => desk.reserve(request),
    }),
  );
}
