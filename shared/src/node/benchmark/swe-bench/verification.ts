// What the command line asks of the program that runs instances, and what that program says: one JSON object as its
// argument, one per line on its standard output. Admissions are also what is stored of an instance.
import { z } from "zod";
import { PinnedNode, PinnedPython, RepositoryName } from "../../../domain/swe-bench.ts";
import { PackageSource } from "./package-source.ts";

const Count = z.strictObject({ passed: z.int().nonnegative(), total: z.int().nonnegative() });

/** What an instance's tests say of one patch. */
export const PatchVerdict = z.strictObject({
  resolution: z.enum(["full", "partial", "no"]),
  /** How the patch was applied, or why it was not. */
  patch: z.strictObject({ isApplied: z.boolean(), how: z.string() }),
  /** Why nothing can be concluded from the tests; null where something can. */
  problem: z.string().nullable(),
  failToPass: Count,
  passToPass: Count,
  /** The first of those that should have passed. */
  failed: z.array(z.string()),
  /** Whether programs of the patch printed what only the evaluator prints. */
  isForged: z.boolean(),
  infrastructure: z.strictObject({ reason: z.string(), tier: z.enum(["environment", "ambiguous"]) }).nullable(),
  /** Of applying the patch and running the tests. */
  seconds: z.number(),
});
export type PatchVerdict = z.infer<typeof PatchVerdict>;

export const InstanceAdmission = z.strictObject({
  v: z.literal(1),
  kind: z.literal("swe-bench-admission"),
  instanceId: z.string(),
  /** Of the instance's patches, script and tests, and of the evaluator. */
  taskHash: z.string(),
  /** Of the Python version and the pins; null where the instance needs none. */
  environmentHash: z.string().nullable(),
  /** The instance whose environment this is, where nobody pinned one for this instance: another of its version. */
  pinnedFor: z.string().nullable().default(null),
  /** `unavailable`: this machine lacks something, nothing was concluded. */
  status: z.enum(["admitted", "rejected", "unavailable"]),
  reason: z.string(),
  /** Where its tests want another day than today: the day on which both patches were tried. */
  clock: z.iso.datetime().nullable().default(null),
  gold: PatchVerdict.nullable(),
  empty: PatchVerdict.nullable(),
  /** In all, with what had to be prepared first. */
  seconds: z.number(),
});
export type InstanceAdmission = z.infer<typeof InstanceAdmission>;

/** Where sandboxes of either kind get what they need. */
const places = {
  /** Folders of clones or bundles, or URLs. */
  repositories: z.array(z.string()),
  pyenvRoots: z.array(z.string()),
  /** Repositories, environments, verdicts and logs are kept here. */
  cache: z.string(),
  cacheBytesMax: z.int().positive(),
  /** For the tests of one instance. */
  timeoutMs: z.int().positive(),
  memoryBytesMax: z.int().positive(),
  diskBytesMax: z.int().positive(),
  processesMax: z.int().positive(),
};

export const VerificationRequest = z.strictObject({
  ...places,
  verb: z.literal("verify"),
  /** A data file of SWE-bench's. */
  instances: z.string(),
  /** Ids; `*` stands for anything. Empty: all of the file. */
  ids: z.array(z.string()),
  /** A file of pins; null: the instances need none. */
  pins: z.string().nullable(),
  /** A file of predictions to judge instead of the gold patch; null: admission. */
  predictions: z.string().nullable(),
  parallel: z.int().positive().max(64),
  isRepeated: z.boolean(),
});
export type VerificationRequest = z.infer<typeof VerificationRequest>;

/** How bugs come about: by operators on the syntax tree, or by a model that writes a function anew or breaks one. */
export const BugKind = z.enum(["operators", "rewrite", "modify"]);
export type BugKind = z.infer<typeof BugKind>;

/** The model that writes bugs and issue texts. Its keys and endpoint stand in the program's environment. */
const Author = z.strictObject({
  /** `provider:model`. */
  model: z.string().min(1),
  /** Never exceeded. */
  usdMax: z.number().positive(),
  allowUnknownPrices: z.boolean(),
});

/** What a model was asked while tasks were made. */
export const MakingCosts = z.strictObject({
  model: z.string(),
  calls: z.int().nonnegative(),
  /** Of them, answered by the journal. */
  journaled: z.int().nonnegative(),
  /** Null: unknown. */
  costUsd: z.number().nonnegative().nullable(),
  /** Answers that could not be used. */
  unusable: z.int().nonnegative(),
  /** The budget did not reach: the rest was made without a model. */
  isSpent: z.boolean(),
});
export type MakingCosts = z.infer<typeof MakingCosts>;

/** Tasks are made from a project whose tests pass. */
export const MakeTasksRequest = z.strictObject({
  ...places,
  verb: z.literal("make"),
  source: z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("commit"),
      /** "owner/name", by which it is found. */
      repository: RepositoryName,
      commit: z.string().regex(/^[0-9a-f]{40}$/),
    }),
    PackageSource,
  ]),
  language: z.enum(["python", "javascript"]).default("python"),
  /** Null: none. */
  environment: PinnedPython.nullable(),
  packages: PinnedNode.nullable().default(null),
  /** Runs all tests. */
  testCommand: z.string().min(1),
  logParser: z.string().min(1),
  kinds: z.array(BugKind).min(1).default(["operators"]),
  /** Null: no model is asked. */
  author: Author.nullable().default(null),
  count: z.int().positive(),
  triesMax: z.int().positive(),
  /** Gets `tasks.jsonl`, `pins.jsonl` and the repository with the bugs. */
  out: z.string(),
});
export type MakeTasksRequest = z.infer<typeof MakeTasksRequest>;

export const SweBenchRequest = z.discriminatedUnion("verb", [VerificationRequest, MakeTasksRequest]);
export type SweBenchRequest = z.infer<typeof SweBenchRequest>;

export const VerificationEvent = z.discriminatedUnion("event", [
  z.strictObject({ event: z.literal("started"), instances: z.int() }),
  z.strictObject({ event: z.literal("phase"), instanceId: z.string(), phase: z.string() }),
  z.strictObject({ event: z.literal("admission"), isStored: z.boolean(), admission: InstanceAdmission }),
  z.strictObject({
    event: z.literal("evaluation"),
    instanceId: z.string(),
    model: z.string(),
    /** Null: this machine lacks something, as `problem` says. */
    verdict: PatchVerdict.nullable(),
    problem: z.string().nullable(),
  }),
  z.strictObject({ event: z.literal("task"), instanceId: z.string(), failToPass: z.int(), passToPass: z.int() }),
  z.strictObject({ event: z.literal("asked"), ...MakingCosts.shape }),
  z.strictObject({ event: z.literal("made"), tasks: z.int(), file: z.string(), repositories: z.string() }),
  z.strictObject({ event: z.literal("error"), code: z.string(), message: z.string() }),
]);
export type VerificationEvent = z.infer<typeof VerificationEvent>;
