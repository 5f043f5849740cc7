// Every request that changes something is written to the audit log before it is carried out, and again with what came of
// it. What cannot be recorded is not done.
import {
  type AuditIntent,
  type Change,
  type ControlRequest,
  type HindcastError,
  messageOf,
  toHindcastError,
  type WorkerId,
} from "@hindcast/shared";
import type { Bus, Logger } from "@hindcast/shared/node";
import { secretIn } from "../export/secrets.ts";
import { campaignKeys, laneKeys, workerKeys } from "./retuning.ts";

export interface AuditDeps {
  bus: Pick<Bus, "audit">;
  workerId: WorkerId;
  logger: Logger;
}

/** So that what came of a thousand targets fits one message; whoever asked is told every word. */
const wholeChangesMax = 100;
const problemCharactersMax = 60;

export type Audited = Exclude<ControlRequest, { kind: "campaign.list" }>;

function shortened(change: Change): Change {
  return { ...change, problem: change.problem?.slice(0, problemCharactersMax) ?? null };
}

/** @throws what `work` throws, after it was recorded; and when the request itself cannot be recorded */
export async function audited<T>(
  { bus, workerId, logger }: AuditDeps,
  { request, user }: { request: Audited; user: string | null },
  work: () => Promise<{ result: T; changes: Change[] }>,
): Promise<{ result: T; changes: Change[]; sequence: number }> {
  const intent: AuditIntent = {
    v: 1,
    kind: "audit.intent",
    ...askedFor(request),
    user,
    by: request.by === undefined || request.by === null ? null : withoutSecret(request.by),
    coordinator: workerId,
    at: new Date().toISOString(),
  };
  const sequence = await bus.audit.append(intent);
  const conclude = async (changes: Change[], error: HindcastError | null): Promise<void> => {
    const outcome = error === null ? "done" : "refused";
    logger.info({ event: "control", ...intent, kind: undefined, outcome, code: error?.code, auditSequence: sequence });
    const wire = error === null ? null : { code: error.code, message: withoutSecret(error.message).slice(0, 4_000) };
    const at = new Date().toISOString();
    const kept = changes.length <= wholeChangesMax ? changes : changes.map(shortened);
    await bus.audit.append({ v: 1, kind: "audit.outcome", intent: sequence, outcome, changes: kept, error: wire, at });
  };
  try {
    const done = await work();
    // It is done: whoever asked is told so, though the log will say that its outcome is unknown.
    await conclude(done.changes, null).catch((error: unknown) => {
      logger.error({ event: "audit.failed", auditSequence: sequence, err: error }, messageOf(error));
    });
    return { ...done, sequence };
  } catch (error) {
    const refusal = toHindcastError(error, "campaign");
    await conclude([], refusal).catch((failure: unknown) => {
      logger.error({ event: "audit.failed", auditSequence: sequence, err: failure }, messageOf(failure));
    });
    throw refusal;
  }
}

function askedFor(request: Audited): Pick<AuditIntent, "verb" | "target" | "arguments"> {
  switch (request.kind) {
    case "campaign.start":
      return { verb: "start", target: withoutSecret(request.name), arguments: {} };
    case "campaign.cancel":
      return { verb: "cancel", target: request.campaignId, arguments: {} };
    case "command": {
      const { verb, target, arguments: given } = request;
      return { verb, target: target === null ? null : withoutSecret(target), arguments: recorded(given) };
    }
  }
}

/** Only what `retune` knows is known to be no secret. */
function recorded(given: Readonly<Record<string, string>>): Record<string, string> {
  const known = new Set([...campaignKeys, ...workerKeys, ...laneKeys]);
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => [withoutSecret(key), known.has(key) ? withoutSecret(value) : "…"]),
  );
}

function withoutSecret(text: string): string {
  const pattern = secretIn(text);
  return pattern === null ? text : `(left out: it looks like a credential, ${pattern})`;
}
