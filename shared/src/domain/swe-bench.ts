import { z } from "zod";

/** One requirement of pip's, and nothing that pip would read as an option or a URL. */
const pin = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}==[A-Za-z0-9][A-Za-z0-9.!+_-]{0,99}$/, 'must read "name==version"');

/** A Python environment by its content. */
export const PinnedPython = z.strictObject({
  /** Hash of the rest: equal environments have equal keys. */
  key: z.string().regex(/^[0-9a-f]{16}$/),
  /** "3.9": a patch release is no reason to fail. */
  python: z.string().regex(/^\d+\.\d+$/),
  /** Must install. Sorted. */
  packages: z.array(pin).max(1_000),
  /** Came with conda: those that PyPI has no fitting file for are left out. */
  optionalPackages: z.array(pin).max(1_000),
});
export type PinnedPython = z.infer<typeof PinnedPython>;

/** Packages of npm by their names and versions. */
export const PinnedNode = z.strictObject({
  key: z.string().regex(/^[0-9a-f]{16}$/),
  /** "vitest@5.1.1". Sorted. */
  packages: z
    .array(
      z
        .string()
        .regex(
          /^(@[a-z0-9][a-z0-9._-]{0,99}\/)?[a-z0-9][a-z0-9._-]{0,99}@[0-9][A-Za-z0-9.+-]{0,99}$/,
          'must read "name@version"',
        ),
    )
    .min(1)
    .max(200),
});
export type PinnedNode = z.infer<typeof PinnedNode>;

/** Whose client fetches the libraries that a repository names in files of its own: Cargo.toml, go.mod, package.json, pom.xml. */
export const Ecosystem = z.enum(["cargo", "go", "npm", "maven", "gradle", "ant", "composer", "bundler"]);
export type Ecosystem = z.infer<typeof Ecosystem>;

/** "psf/requests". It names folders too, so neither part may be `.` or `..`. */
export const RepositoryName = z
  .string()
  .regex(/^(?!\.{1,2}\/)[A-Za-z0-9_.-]+\/(?!\.{1,2}$)[A-Za-z0-9_.-]+$/, 'must read "owner/name"');

/**
 * A repository at an instance's base commit, in /testbed, with its environment. What would give the task away (the gold
 * patch, the tests, the evaluation script) is no part of it: that is in the reference.
 */
export const SweBenchSpec = z.strictObject({
  kind: z.literal("swe-bench"),
  /** "psf/requests" */
  repository: RepositoryName,
  commit: z.string().regex(/^[0-9a-f]{40}$/),
  /** Null: the sandbox's own programs will do. */
  environment: PinnedPython.nullable(),
  /** As node_modules in the repository. Absent: none. */
  packages: PinnedNode.optional(),
  /** What the repository itself names is fetched before the sandbox opens. Absent: nothing is. */
  dependencies: Ecosystem.optional(),
  /** When it is in the testbed as it opens: dates break some tests. Absent: now. */
  clock: z.iso.datetime().optional(),
});
export type SweBenchSpec = z.infer<typeof SweBenchSpec>;

/** What an instance's patch is judged by, in a testbed of its own. */
export const SweBenchReference = z.strictObject({
  kind: z.literal("swe-bench"),
  instanceId: z.string().min(1),
  evalScript: z.string().min(1),
  logParser: z.string().min(1),
  evalType: z.enum(["pass_and_fail", "fail_only"]),
  failToPass: z.array(z.string()),
  /** A list of thousands is packed, gzipped JSON in Base64: a task is one message. */
  passToPass: z.union([z.array(z.string()), z.strictObject({ gzip: z.base64() })]),
});
export type SweBenchReference = z.infer<typeof SweBenchReference>;
