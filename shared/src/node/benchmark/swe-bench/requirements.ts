import type { PinnedNode, PinnedPython, SweBenchSpec } from "../../../domain/swe-bench.ts";
import type { SweBenchInstance } from "./instance.ts";

/** What must be at hand before an instance can be tried. */
export interface InstanceRequirements {
  /** "psf/requests" */
  repository: string;
  baseCommit: string;
  /** Null: not a Python project, or nobody pinned its environment. */
  environment: PinnedPython | null;
  isPython: boolean;
  /** Null: no packages of npm are pinned. */
  packages: PinnedNode | null;
  /** Programs that the evaluation script calls. */
  programs: string[];
  /** The upstream container image that has all of this in it. */
  image: string | null;
}

const toolchains: Record<string, string[]> = {
  cargo: ["cargo"],
  gotest: ["go"],
  jest: ["node", "npx"],
  jest_json: ["node", "npx", "jq"],
  immutable_js: ["node", "npx", "jq"],
  vitest: ["node", "npx"],
  karma: ["node", "npx"],
  tap: ["node", "npx"],
  maven: ["mvn", "java"],
  ant: ["ant", "java"],
  gradle_custom: ["java"],
  phpunit: ["php"],
  rspec_transformed_json: ["ruby", "bundle", "jq"],
  ruby_unit: ["ruby", "bundle"],
  jekyll: ["ruby", "bundle"],
  redis: ["make", "cc", "tclsh"],
  jq: ["make", "cc"],
  micropython_test: ["make", "cc", "python3"],
  doctest: ["cmake", "make", "c++"],
  googletest: ["cmake", "make", "c++"],
};

export function instanceRequirements(
  instance: SweBenchInstance,
  environments: ReadonlyMap<string, PinnedPython>,
  packages: ReadonlyMap<string, PinnedNode> = new Map(),
): InstanceRequirements {
  const programs = toolchains[instance.log_parser.replace(/^parse_log_/, "")];
  const isPython = programs === undefined;
  return {
    repository: instance.repo,
    baseCommit: instance.base_commit,
    environment: isPython ? (environments.get(instance.instance_id) ?? null) : null,
    isPython,
    packages: packages.get(instance.instance_id) ?? null,
    programs: ["git", "patch", ...(programs ?? [])],
    image: instance.image ?? null,
  };
}

/** The world of an instance: nothing in it tells how it is solved or judged. */
export function sweBenchSpec({ repository, baseCommit, environment, packages }: InstanceRequirements): SweBenchSpec {
  const installed = packages === null ? {} : { packages };
  return { kind: "swe-bench", repository, commit: baseCommit, environment, ...installed };
}
