// One task of SWE-bench as its official files hold it (benchmarks.md §1.1): Verified, Lite and Multilingual.
import { z } from "zod";
import { RepositoryName } from "../../../domain/swe-bench.ts";

const commit = z.string().regex(/^[0-9a-f]{40}$/, "must be a commit of 40 hexadecimal digits");

/** Hugging Face's Parquet has JSON strings of lists, the other forms have lists. */
const testIds = z.preprocess(
  (value, context) => {
    if (typeof value !== "string") return value;
    try {
      return JSON.parse(value) as unknown;
    } catch {
      context.addIssue({ code: "custom", message: "is text that is no JSON list", input: value });
      return z.NEVER;
    }
  },
  z.array(z.string().min(1)),
);

/** `fail_only`: the log names failures only, so a test that it does not name has passed. */
export const EvalType = z.enum(["pass_and_fail", "fail_only"]);
export type EvalType = z.infer<typeof EvalType>;

/**
 * What a row must hold. Fields that the evaluation does not need differ between the data sets and are optional; what is
 * not named here (`image_assets`, say) is passed over, because other people write these files.
 */
export const SweBenchInstance = z.object({
  repo: RepositoryName,
  instance_id: z.string().regex(/^[A-Za-z0-9_.-]+$/, "must be letters, digits, dots, dashes and underscores"),
  base_commit: commit,
  patch: z.string().min(1),
  test_patch: z.string(),
  problem_statement: z.string().min(1),
  hints_text: z.string().optional(),
  created_at: z.string().optional(),
  /** Not of SWE-bench's: the clock that the tests need, where it is known. */
  clock: z.iso.datetime().optional(),
  version: z.coerce.string(),
  FAIL_TO_PASS: testIds,
  PASS_TO_PASS: testIds,
  environment_setup_commit: z.string().optional(),
  difficulty: z.string().optional(),
  eval_script: z.string().min(1),
  log_parser: z.string().min(1),
  eval_type: EvalType.default("pass_and_fail"),
  image: z.string().optional(),
});
export type SweBenchInstance = z.infer<typeof SweBenchInstance>;
