// Requirements: 3.4.resume, 3.3.fencing, 5.2.no-mixture
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anObserved, aStep } from "../../../test/support/builders.ts";
import type { CampaignId, EpisodeId, TaskId, WorkerId } from "../domain/ids.ts";
import type { EpisodeStarted } from "../protocol/trajectory-record.ts";
import { assembleAttempt, newestAttempt, type StoredRecord, trajectoryDigest } from "./trajectory-assembly.ts";

const head = (attempt: number, fencingToken: number) => ({
  v: 1 as const,
  campaignId: "c-0001" as CampaignId,
  taskId: "task-1" as TaskId,
  episodeId: "ep-1" as EpisodeId,
  attempt,
  workerId: "w-1" as WorkerId,
  fencingToken,
  recordedAt: "2026-01-01T00:00:00.000Z",
});
const stored = (record: StoredRecord["record"]): StoredRecord => ({
  record,
  bytes: new TextEncoder().encode(JSON.stringify(record)),
});
const started = (attempt: number, token: number, resumedFrom: EpisodeStarted["resumedFrom"] = null): StoredRecord =>
  stored({ ...head(attempt, token), kind: "episode.started", initial: anObserved(), resumedFrom });
const step = (attempt: number, token: number, index: number, command = `${attempt}-${index}`): StoredRecord =>
  stored({ ...head(attempt, token), kind: "step.recorded", step: aStep(index, { command, state: command }) });
const commands = (assembled: ReturnType<typeof assembleAttempt>): string[] | undefined =>
  assembled?.trajectory.steps.map(({ turn }) => (turn.action.kind === "shell" ? turn.action.command : "stop"));

describe("assembleAttempt", () => {
  it("gives the steps of the attempt in order", () => {
    expect(commands(assembleAttempt([started(1, 7), step(1, 7, 1), step(1, 7, 2)], 1))).toEqual(["1-1", "1-2"]);
  });

  it("takes the inherited steps up to where the attempt resumed, and no later ones of a zombie", () => {
    const zombie = step(1, 7, 3, "zombie");
    const records = [
      started(1, 7),
      step(1, 7, 1),
      step(1, 7, 2),
      started(2, 9, { attempt: 1, fencingToken: 7, step: 2 }),
      zombie,
      step(2, 9, 3),
    ];
    expect(commands(assembleAttempt(records, 2))).toEqual(["1-1", "1-2", "2-3"]);
  });

  it("inherits from the writer that was resumed from, whoever wrote under its attempt since", () => {
    const records = [
      started(1, 7),
      step(1, 7, 1, "old"),
      started(1, 8),
      step(1, 8, 1, "zombie"),
      started(2, 9, { attempt: 1, fencingToken: 7, step: 1 }),
    ];
    expect(commands(assembleAttempt(records, 2))).toEqual(["old"]);
  });

  it("counts no step that a zombie stored after a later holder had begun, whoever assembles and when", () => {
    const begun: StoredRecord = stored({ ...head(2, 9), kind: "attempt.begun", delivery: 2 });
    const records = [started(1, 7), step(1, 7, 1), begun];
    const late = [...records, step(1, 7, 2, "zombie")];
    expect(commands(assembleAttempt(late, 1))).toEqual(["1-1"]);
    expect(newestAttempt(late)).toEqual(newestAttempt(records));
  });

  it("follows a chain of resumes", () => {
    const records = [
      started(1, 1),
      step(1, 1, 1),
      started(2, 2, { attempt: 1, fencingToken: 1, step: 1 }),
      step(2, 2, 2),
      started(5, 3, { attempt: 2, fencingToken: 2, step: 2 }),
      step(5, 3, 3),
    ];
    expect(commands(assembleAttempt(records, 5))).toEqual(["1-1", "2-2", "5-3"]);
  });

  it("counts only the token that is asked for where two writers share an attempt", () => {
    const records = [started(1, 7), step(1, 7, 1, "old"), started(1, 9), step(1, 9, 1, "new")];
    expect(commands(assembleAttempt(records, 1, 7))).toEqual(["old"]);
    expect(commands(assembleAttempt(records, 1))).toEqual(["new"]);
  });

  it.each<[string, StoredRecord[], number]>([
    ["has no first record", [step(1, 7, 1)], 1],
    ["has a gap", [started(1, 7), step(1, 7, 1), step(1, 7, 3)], 1],
    [
      "resumes from steps that are not there",
      [started(1, 7), started(2, 9, { attempt: 1, fencingToken: 7, step: 1 })],
      2,
    ],
    ["resumes from itself", [started(2, 9, { attempt: 2, fencingToken: 9, step: 0 })], 2],
  ])("is no evidence when it %s", (_, records, attempt) => {
    expect(assembleAttempt(records, attempt)).toBeNull();
  });
});

describe("any interleaving of writers", () => {
  /** One lease of the task: it resumes from an earlier one, or starts afresh, and takes some steps. */
  interface Writer {
    attempt: number;
    token: number;
    from: { writer: number; step: number } | null;
    steps: number;
  }
  const writerOf = (at: number): fc.Arbitrary<Writer> =>
    fc
      .record({
        // Two leases may share a number when neither had recorded anything as the other looked.
        isSharing: fc.boolean(),
        from: fc.option(fc.record({ writer: fc.nat({ max: Math.max(0, at - 1) }), step: fc.nat({ max: 4 }) })),
        steps: fc.nat({ max: 4 }),
      })
      .map(({ isSharing, from, steps }) => ({
        attempt: isSharing ? Math.max(1, at) : at + 1,
        token: 10 + at,
        from: at === 0 ? null : from,
        steps,
      }));
  const history = fc.tuple(...[0, 1, 2, 3].map(writerOf)).chain((writers) => {
    const scripts = writers.map(({ attempt, token, from, steps }) => {
      const source = from === null ? undefined : writers[from.writer];
      const resumed =
        source === undefined || from === null || source.attempt >= attempt
          ? null
          : { attempt: source.attempt, fencingToken: source.token, step: from.step };
      const first = resumed?.step ?? 0;
      return [
        started(attempt, token, resumed),
        ...Array.from({ length: steps }, (_, at) => step(attempt, token, first + at + 1, `${token}-${first + at + 1}`)),
      ];
    });
    // Each writer's records keep their order; a record may be stored again later, as after a lost acknowledgement.
    const records = scripts.flat().length;
    return fc
      .record({
        turns: fc.array(fc.nat({ max: scripts.length - 1 }), { minLength: records, maxLength: records }),
        repeats: fc.array(fc.tuple(fc.nat({ max: records }), fc.nat({ max: records })), { maxLength: 4 }),
      })
      .map(({ turns, repeats }) => {
        const left = scripts.map((script) => [...script]);
        const stream = turns.flatMap((turn) => left[turn]?.shift() ?? []);
        stream.push(...left.flat());
        for (const [which, later] of repeats) {
          const record = stream[which];
          if (record !== undefined) stream.splice(Math.max(which + 1, later), 0, record);
        }
        return { writers, scripts, stream };
      });
  });

  /** What of a writer's records was stored before a later holder's first one. */
  const unfencedIn = (stream: StoredRecord[]) => (script: StoredRecord[]) => {
    const [first] = script;
    const from = stream.findIndex((record) => record === first);
    const token = first?.record.fencingToken ?? 0;
    const fence = stream.findIndex(({ record }, at) => at > from && record.fencingToken > token);
    return fence === -1 ? script : script.filter((record) => stream.indexOf(record) < fence);
  };

  it("never yields a mixture: each trajectory is one writer's steps on a prefix that another vouched for", () => {
    fc.assert(
      fc.property(history, ({ writers, scripts, stream }) => {
        for (const [at, { attempt, token }] of writers.entries()) {
          const assembled = assembleAttempt(stream, attempt, token);
          const alone = assembleAttempt(scripts.flatMap(unfencedIn(stream)), attempt, token);
          // The same as if every writer had written undisturbed, one after the other.
          expect(commands(assembled)).toEqual(commands(alone));
          const own = commands(assembled)?.filter((command) => command.startsWith(`${token}-`)) ?? [];
          const written = unfencedIn(stream)(scripts[at] ?? []).slice(1).length;
          if (assembled !== null) {
            expect(own).toHaveLength(written);
            expect(assembled.trajectory.steps.map(({ index }) => index)).toEqual(
              assembled.trajectory.steps.map((_, place) => place + 1),
            );
            // Of any other writer a prefix stands, never a step after somebody else's.
            const authors = commands(assembled)?.map((command) => Number(command.split("-")[0])) ?? [];
            expect(authors).toEqual(authors.toSorted((a, b) => a - b));
          }
        }
        const newest = newestAttempt(stream);
        if (newest !== null) {
          expect(commands(newest)).toEqual(commands(assembleAttempt(stream, newest.attempt, newest.fencingToken)));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("newestAttempt", () => {
  it("falls back to an earlier attempt where the newest cannot be read as a whole", () => {
    const records = [started(1, 7), step(1, 7, 1), step(2, 9, 4)];
    expect(newestAttempt(records)?.attempt).toBe(1);
    expect(newestAttempt([])).toBeNull();
  });
});

describe("trajectoryDigest", () => {
  it("differs when any byte or any border between steps differs", () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        fc.array(bytes, { minLength: 1, maxLength: 5 }),
        fc.array(bytes, { minLength: 1, maxLength: 5 }),
        (a, b) => {
          const same = JSON.stringify(a.map((x) => [...x])) === JSON.stringify(b.map((x) => [...x]));
          expect(trajectoryDigest(a) === trajectoryDigest(b)).toBe(same);
        },
      ),
    );
    expect(trajectoryDigest([new Uint8Array([1, 2])])).not.toBe(
      trajectoryDigest([new Uint8Array([1]), new Uint8Array([2])]),
    );
  });
});
