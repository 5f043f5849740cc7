// What tasks of WebArena, its Lite and Visual kin and WebArena-Verified are judged by, in the words of their published
// files. Field names are theirs (snake case), because the files are read as they are and results are compared with theirs.
import { z } from "zod";

/** The self-hosted sites of the WebArena family; `classifieds` is VisualWebArena's. */
export const WebArenaSite = z.enum([
  "shopping",
  "shopping_admin",
  "reddit",
  "gitlab",
  "wikipedia",
  "map",
  "homepage",
  "classifieds",
]);
export type WebArenaSite = z.infer<typeof WebArenaSite>;

const words = z.string().max(20_000);
const wordsList = z.array(words).max(200);

/** What the agent's answer must be; several rules multiply. `fuzzy_match` asks a model. */
export const ReferenceAnswers = z.strictObject({
  exact_match: words.optional(),
  /** One phrase or several; WebArena-Lite has a bare string once. */
  must_include: z.union([words, wordsList]).optional(),
  must_exclude: wordsList.optional(),
  one_of: wordsList.optional(),
  /** Inequalities such as `>= 300`. */
  required_values: wordsList.optional(),
  /** `N/A`: the task cannot be done. */
  fuzzy_match: z.union([words, wordsList]).optional(),
});
export type ReferenceAnswers = z.infer<typeof ReferenceAnswers>;

/** One look at a page: where, what of it, and what must be there. */
export const ProgramHtmlCheck = z.strictObject({
  /** `last` (where the agent stopped), a URL, or `func:` and a helper that gives one. */
  url: words,
  /** An expression over `document`, `func:` and a helper, `lambda:` and a function, or empty: the page's source. */
  locator: words,
  required_contents: ReferenceAnswers,
  /** Expressions that prepare the page, e.g. open a folded section. */
  prep_actions: wordsList.optional(),
});
export type ProgramHtmlCheck = z.infer<typeof ProgramHtmlCheck>;

/** How a task of WebArena, WebArena-Lite or VisualWebArena is judged. */
export const WebArenaEval = z.strictObject({
  eval_types: z
    .array(z.enum(["string_match", "url_match", "program_html", "page_image_query"]))
    .min(1)
    .max(8),
  reference_answers: ReferenceAnswers.nullable().optional(),
  reference_url: words.nullable().optional(),
  program_html: z.array(ProgramHtmlCheck).max(100).optional(),
  url_note: z.enum(["GOLD in PRED", "EXACT"]).optional(),
  /** Why the task cannot be done, where it cannot. */
  string_note: words.optional(),
  reference_answer_raw_annotation: words.optional(),
  annotation_note: words.optional(),
  /** Images are not judged here: such a task's verdict is `unknown`. */
  page_image_query: z.array(z.record(z.string(), z.unknown())).max(20).optional(),
});
export type WebArenaEval = z.infer<typeof WebArenaEval>;

/** A task of WebArena's kind, as an episode is judged by it. */
export const WebArenaReference = z.strictObject({
  kind: z.literal("webarena"),
  taskId: z.int().nonnegative(),
  /** What the judge of fuzzy answers is told was asked. */
  intent: z.string().max(8_000),
  sites: z.array(WebArenaSite).min(1).max(8),
  /** VisualWebArena reads `must_include` by words and matches URLs whole. */
  variant: z.enum(["webarena", "visualwebarena"]),
  eval: WebArenaEval,
  /** Who compares answers in free words, `provider:model`; without one they stay undecided. */
  judge: z.string().min(1).max(200).optional(),
});
export type WebArenaReference = z.infer<typeof WebArenaReference>;

const JsonSchema = z.record(z.string(), z.json());

/** The final response of an agent: typed, with a status and, where data was asked for, the data. */
export const AgentResponseCheck = z.strictObject({
  evaluator: z.literal("AgentResponseEvaluator"),
  /** Whether the order of the data counts. */
  ordered: z.boolean().default(false),
  results_schema: JsonSchema,
  expected: z.strictObject({
    task_type: z.string().min(1).max(100),
    status: z.string().min(1).max(100),
    /** A list inside the list means any of these. */
    retrieved_data: z.array(z.json()).max(10_000).nullable().optional(),
    error_details: z.string().nullable().optional(),
  }),
});
export type AgentResponseCheck = z.infer<typeof AgentResponseCheck>;

const patterns = z.array(z.string().max(2_000)).max(50);
const fields = z.record(z.string().max(2_000), z.json());

/** A request that the browser must have made, or must not. */
export const NetworkEventCheck = z.strictObject({
  evaluator: z.literal("NetworkEventEvaluator"),
  /** Judge the last event that fits only; else any of them. */
  last_event_only: z.boolean().default(true),
  ignored_query_params: patterns.optional(),
  ignored_query_params_patterns: patterns.optional(),
  ignored_post_data_params_patterns: patterns.optional(),
  /** Magento's filters travel as base64 in the path. */
  decode_base64_query: z.boolean().default(false),
  query_params_schema: JsonSchema.optional(),
  post_data_schema: JsonSchema.optional(),
  should_not_exist: z.boolean().default(false),
  expected: z.strictObject({
    url: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
    http_method: z.string().default("GET"),
    response_status: z.int().default(200),
    headers: fields.optional(),
    query_params: z.record(z.string(), z.array(z.string().nullable())).optional(),
    post_data: fields.optional(),
    response_content: fields.optional(),
    response_cookies: fields.optional(),
  }),
});
export type NetworkEventCheck = z.infer<typeof NetworkEventCheck>;

export const VerifiedCheck = z.discriminatedUnion("evaluator", [AgentResponseCheck, NetworkEventCheck]);
export type VerifiedCheck = z.infer<typeof VerifiedCheck>;

/** A task of WebArena-Verified, as an episode is judged by it: a typed answer and the requests that were made. */
export const WebArenaVerifiedReference = z.strictObject({
  kind: z.literal("webarena-verified"),
  taskId: z.int().nonnegative(),
  templateId: z.int(),
  revision: z.int().positive(),
  sites: z.array(WebArenaSite).min(1).max(8),
  eval: z.array(VerifiedCheck).min(1).max(50),
});
export type WebArenaVerifiedReference = z.infer<typeof WebArenaVerifiedReference>;
