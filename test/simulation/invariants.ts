// What must hold after every run, whatever happened in it: cluster.md §5, I1 to I7, and that nothing is paid for twice.
import {
  CampaignRecord,
  decode,
  Demonstration,
  type EpisodeEnded,
  leaseOf,
  streams,
  subjects,
  TaskResult,
  TrajectoryRecord,
} from "@hindcast/shared";
import { sha256Hex, trajectoryDigest } from "@hindcast/shared/node";
import { encode } from "@hindcast/shared";
import type { SimulatedNatsServer } from "./server/nats-server.ts";
import type { StoredMessage, Stream } from "./server/stream.ts";
import { headerOf } from "./server/wire.ts";
import type { Witness } from "./witness.ts";
import type { OpenWorld } from "./world/open-worlds.ts";

export interface Violation {
  invariant:
    | "I1"
    | "I2"
    | "I3"
    | "I4"
    | "I5"
    | "I6"
    | "I7"
    | "bought twice"
    | "over budget"
    | "leaked world"
    | "another outcome"
    | "failure";
  detail: string;
}

/** A moment at which a lease was written, expired or was given up. */
export interface LeaseChange {
  key: string;
  sequence: number;
  at: number;
  /** Null: nobody holds it. */
  workerId: string | null;
}

export class ServerState {
  readonly #server: SimulatedNatsServer;
  #running = { sequence: -1, is: false };

  constructor(server: SimulatedNatsServer) {
    this.#server = server;
  }

  stream(name: string): Stream {
    return this.#server.jetstream.stream(name);
  }

  /** Asked between any two events: the cheap questions come first. */
  get isAtRest(): boolean {
    if (this.stream(streams.tasks).size > 0 || this.isRunning) return false;
    return this.restlessness.length === 0;
  }

  /** Whether a campaign is still running. */
  get isRunning(): boolean {
    const sequence = this.stream("KV_CAMPAIGNS").lastSequence;
    if (sequence !== this.#running.sequence) {
      this.#running = { sequence, is: this.campaigns.some(({ state }) => state === "running") };
    }
    return this.#running.is;
  }

  /** What is still going on, in words. */
  get restlessness(): string[] {
    const words: string[] = [];
    const tasks = this.stream(streams.tasks).size;
    if (tasks > 0) words.push(`${tasks} tasks are queued`);
    for (const consumer of this.#server.jetstream.consumers.get(streams.tasks)?.values() ?? []) {
      if (consumer.pending.size > 0) words.push(`${consumer.pending.size} deliveries are not acknowledged`);
    }
    // Somebody always admits.
    const leases = live(this.stream("KV_LEASES")).filter(
      ({ subject }) => subject !== `$KV.LEASES.${leaseOf.admission}`,
    );
    if (leases.length > 0) words.push(`leases are held: ${leases.map(({ subject }) => subject).join(", ")}`);
    const running = this.campaigns.filter(({ state }) => state === "running");
    if (running.length > 0) words.push(`${running.length} campaigns are running`);
    return words;
  }

  get campaigns(): CampaignRecord[] {
    return live(this.stream("KV_CAMPAIGNS")).map(({ data }) => decode(CampaignRecord, data));
  }

  get results(): TaskResult[] {
    return [...this.stream(streams.results).all()].map(({ data }) => decode(TaskResult, data));
  }

  get demonstrations(): Demonstration[] {
    return live(this.stream(streams.demonstrations)).map(({ data }) => decode(Demonstration, data));
  }

  get records(): StoredRecord[] {
    return [...this.stream(streams.trajectories).all()].map(({ data, storedAt }) => ({
      record: decode(TrajectoryRecord, data),
      bytes: data,
      storedAt,
    }));
  }
}

interface StoredRecord {
  record: TrajectoryRecord;
  bytes: Uint8Array;
  storedAt: number;
}

export function violationsOf(state: ServerState, witness: Witness, leaseChanges: LeaseChange[]): Violation[] {
  const { results, records } = state;
  const accepted = results.filter((result): result is EpisodeEnded => result.kind === "episode.ended");
  return [
    ...eachTaskEndsOnce(state, witness),
    ...accepted.flatMap((ended) => trajectoryIsWhole(ended, records)),
    ...accepted.flatMap((ended) => writtenAlone(ended, records)),
    ...accepted.flatMap((ended) => writtenUnderItsToken(ended, records, { witness, changes: leaseChanges })),
    ...state.restlessness.map((detail): Violation => ({ invariant: "I5", detail })),
    ...acknowledgedIsThere(state, witness),
    ...retrievedIsInTheLog(state),
    ...witness.doubleBuys.map((detail): Violation => ({ invariant: "bought twice", detail })),
  ];
}

/** A world is open only while somebody may work in it: not after the end of its episode or replay. */
export function leakedWorlds({ results }: ServerState, open: readonly OpenWorld[]): Violation[] {
  const ended = new Set(
    results.flatMap((result) =>
      result.kind === "episode.ended" ? [`episode.${result.episodeId}`] : [`task.${result.taskId}`],
    ),
  );
  return open
    .filter(({ lease }) => ended.has(lease))
    .map(({ id, process }): Violation => ({ invariant: "leaked world", detail: `${process} has left ${id} open` }));
}

/** I1, I2. What is still queued when a campaign ends early is taken back. */
function eachTaskEndsOnce({ results, campaigns }: ServerState, witness: Witness): Violation[] {
  const counts = new Map<string, number>();
  for (const { taskId } of results) counts.set(taskId, (counts.get(taskId) ?? 0) + 1);
  const stored = new Map<string, number>();
  for (const { result } of witness.results) stored.set(result.taskId, (stored.get(result.taskId) ?? 0) + 1);
  const early = new Set(campaigns.filter(({ state }) => state === "failed").map(({ id }) => id));
  const lost = [...witness.tasks.values()].filter((task) => !counts.has(task.taskId) && !early.has(task.campaignId));
  const doubled = [...counts, ...stored].filter(([, count]) => count > 1);
  return [
    ...lost.map(({ taskId }): Violation => ({
      invariant: "I1",
      detail: `${taskId} was accepted and has no terminal record`,
    })),
    ...doubled.map(([task, count]): Violation => ({
      invariant: "I2",
      detail: `${task} has ${count} terminal records`,
    })),
  ];
}

/** The records behind an accepted result: its own and those that its attempt inherited, in order. */
function stepsBehind(
  records: StoredRecord[],
  { episodeId, attempt, token }: { episodeId: string; attempt: number; token: number },
): StoredRecord[] | string {
  const own = records.filter(
    ({ record }) => record.episodeId === episodeId && record.attempt === attempt && record.fencingToken === token,
  );
  const started = own.find(({ record }) => record.kind === "episode.started")?.record;
  if (started?.kind !== "episode.started") return `attempt ${attempt} under token ${token} never started`;
  const { resumedFrom } = started;
  const before =
    resumedFrom === null
      ? []
      : stepsBehind(records, { episodeId, attempt: resumedFrom.attempt, token: resumedFrom.fencingToken });
  if (typeof before === "string") return before;
  if (resumedFrom !== null && before.length < resumedFrom.step) return "an inherited step is missing";
  const seen = new Set<number>();
  const steps = own.filter(({ record }) => {
    if (record.kind !== "step.recorded" || seen.has(record.step.index)) return false;
    seen.add(record.step.index);
    return true;
  });
  return [...before.slice(0, resumedFrom?.step ?? 0), ...steps];
}

/** I3. An infrastructure end vouches for no steps. */
function trajectoryIsWhole(ended: EpisodeEnded, records: StoredRecord[]): Violation[] {
  if (ended.steps === 0 && ended.closing === null) return [];
  const { episodeId, attempt, fencingToken: token } = ended;
  const found = stepsBehind(records, { episodeId, attempt, token });
  if (typeof found === "string") return [{ invariant: "I3", detail: `${episodeId}: ${found}` }];
  const steps = found.slice(0, ended.steps);
  const isContiguous = steps.every(({ record }, at) => record.kind === "step.recorded" && record.step.index === at + 1);
  if (steps.length !== ended.steps || !isContiguous) {
    return [{ invariant: "I3", detail: `${episodeId}: its ${ended.steps} steps are not all there, in order` }];
  }
  if (trajectoryDigest(steps.map(({ bytes }) => bytes)) !== ended.digest) {
    return [{ invariant: "I3", detail: `${episodeId}: the digest is not that of its steps` }];
  }
  return [];
}

/** By the token: one who lost the lease before it had read the records counts its attempt last. Without a fence all are equal. */
function isLater(one: TrajectoryRecord, other: TrajectoryRecord): boolean {
  if (one.fencingToken !== other.fencingToken) return one.fencingToken > other.fencingToken;
  return one.attempt > other.attempt;
}

/**
 * I4, seen from the log, where the token moves with the first record of a later holder: none precedes an accepted step,
 * be it the result's own or an inherited one.
 */
function writtenAlone(ended: EpisodeEnded, records: StoredRecord[]): Violation[] {
  const ofEpisode = records.filter(({ record }) => record.episodeId === ended.episodeId);
  return acceptedSteps(ended, records).flatMap((step): Violation[] => {
    const before = ofEpisode.slice(0, ofEpisode.indexOf(step));
    const later = before.find(({ record }) => isLater(record, step.record))?.record;
    if (later === undefined) return [];
    const begun = `${later.workerId} had begun attempt ${later.attempt} before it`;
    return [{ invariant: "I4", detail: `${ended.episodeId}: step ${indexOf(step)} counts and ${begun}` }];
  });
}

/**
 * I4, seen from the leases: the token of an accepted result had not moved when its own steps were stored. Inherited ones
 * may have come between a later holder's lease and its first record: to the log they are steps like any other.
 */
function writtenUnderItsToken(
  ended: EpisodeEnded,
  records: StoredRecord[],
  { witness, changes }: { witness: Witness; changes: LeaseChange[] },
): Violation[] {
  const { episodeId, fencingToken: token } = ended;
  const key = `$KV.LEASES.episode.${episodeId}`;
  const tokens = new Set(
    witness.leases.filter(({ name }) => name === `episode.${episodeId}`).map((lease) => lease.token),
  );
  const own = acceptedSteps(ended, records).filter(({ record }) => record.fencingToken === token);
  return own.flatMap((step): Violation[] => {
    const moved = changes.find(
      (change) =>
        change.key === key &&
        change.sequence > token &&
        (change.workerId !== step.record.workerId || tokens.has(change.sequence)),
    );
    if (moved === undefined || moved.at >= step.storedAt) return [];
    const late = `${(step.storedAt - moved.at).toFixed(0)} ms after token ${token} had moved`;
    return [{ invariant: "I4", detail: `${episodeId}: step ${indexOf(step)} was stored ${late}` }];
  });
}

/** Those that can be found: what is missing is I3's. */
function acceptedSteps(ended: EpisodeEnded, records: StoredRecord[]): StoredRecord[] {
  if (ended.steps === 0) return [];
  const found = stepsBehind(records, { ...ended, token: ended.fencingToken });
  return typeof found === "string" ? [] : found.slice(0, ended.steps);
}

const indexOf = ({ record }: StoredRecord): number => (record.kind === "step.recorded" ? record.step.index : 0);

/** I6. */
function acknowledgedIsThere(state: ServerState, witness: Witness): Violation[] {
  const stored = new Set(state.records.map(({ bytes }) => sha256Hex(bytes)));
  const demonstrations = new Set(state.demonstrations.map(({ id }) => id as string));
  const lost: string[] = [];
  for (const record of witness.records) {
    if (!stored.has(sha256Hex(encode(TrajectoryRecord, record)))) {
      lost.push(`a record of ${record.episodeId}, attempt ${record.attempt}, token ${record.fencingToken}`);
    }
  }
  for (const { result } of witness.results) {
    const kept = state.stream(streams.results).last(subjects.result(result.campaignId, result.taskId));
    if (kept === null || sha256Hex(kept.data) !== sha256Hex(encode(TaskResult, result))) {
      lost.push(`the result of ${result.taskId}`);
    }
  }
  for (const id of witness.demonstrations) if (!demonstrations.has(id)) lost.push(`demonstration ${id}`);
  for (const blob of witness.blobs) {
    const name = Buffer.from(blob).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
    if (state.stream("OBJ_BLOBS").last(`$O.BLOBS.M.${name}`) === null) lost.push(`blob ${blob}`);
  }
  return lost.map((what): Violation => ({ invariant: "I6", detail: `${what} was acknowledged and is not there` }));
}

/** I7: what episodes were shown, as their records say. */
function retrievedIsInTheLog(state: ServerState): Violation[] {
  const known = new Set<string>(state.demonstrations.map(({ id }) => id));
  const shown = state.records.flatMap(({ record }) =>
    record.kind === "step.recorded" ? record.step.turn.retrieved.map(({ demonstrationId }) => demonstrationId) : [],
  );
  return [...new Set(shown)]
    .filter((id) => !known.has(id))
    .map((id): Violation => ({ invariant: "I7", detail: `an episode was shown ${id}, which is not in the log` }));
}

/** Values that are there, without the marks of what was deleted or has expired. */
function live(stream: Stream): StoredMessage[] {
  return [...stream.all()].filter(
    (stored) =>
      stored.data.length > 0 &&
      headerOf(stored, "KV-Operation") === null &&
      headerOf(stored, "Nats-Marker-Reason") === null,
  );
}
