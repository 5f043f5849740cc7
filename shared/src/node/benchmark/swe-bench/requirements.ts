import type { Ecosystem, PinnedNode, PinnedPython, SweBenchSpec } from "../../../domain/swe-bench.ts";
import type { SweBenchInstance } from "./instance.ts";
import { PinnedEnvironments } from "./pinned-environments.ts";

/** What must be at hand before an instance can be tried. */
export interface InstanceRequirements {
  /** "psf/requests" */
  repository: string;
  baseCommit: string;
  /** Null: not a Python project, or nobody pinned its environment. */
  environment: PinnedPython | null;
  /** The instance that the environment was pinned for; null as `environment`. */
  pinnedFor: string | null;
  isPython: boolean;
  /** Null: no packages of npm are pinned. */
  packages: PinnedNode | null;
  /** Null: the repository names none, or its packages are pinned, or there is no image of the instance. */
  dependencies: Ecosystem | null;
  /** Null: the tests do not mind what day it is. */
  clock: string | null;
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
  karma: ["node", "npx", "chromium"],
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

const ecosystems: Record<string, Ecosystem> = {
  cargo: "cargo",
  gotest: "go",
  jest: "npm",
  jest_json: "npm",
  immutable_js: "npm",
  vitest: "npm",
  karma: "npm",
  tap: "npm",
  maven: "maven",
  ant: "ant",
  gradle_custom: "gradle",
  phpunit: "composer",
  rspec_transformed_json: "bundler",
  ruby_unit: "bundler",
  jekyll: "bundler",
};

const parserName = (logParser: string): string => logParser.replace(/^parse_log_/, "");

/** Programs that the tests call, by the parser of their log; the environment brings Python. */
export function programsOf(logParser: string): string[] {
  return ["git", "patch", ...(toolchains[parserName(logParser)] ?? [])];
}

export function instanceRequirements(
  instance: SweBenchInstance,
  environments = new PinnedEnvironments(),
  packages: ReadonlyMap<string, PinnedNode> = new Map(),
): InstanceRequirements {
  const isPython = toolchains[parserName(instance.log_parser)] === undefined;
  const python = isPython ? environments.find(instance) : null;
  const pinned = packages.get(instance.instance_id) ?? null;
  // Upstream's images have what a repository names in them; a task that was made without one runs without.
  const isFetched = pinned === null && instance.image !== undefined;
  return {
    repository: instance.repo,
    baseCommit: instance.base_commit,
    environment: python?.environment ?? null,
    pinnedFor: python?.pinnedFor ?? null,
    isPython,
    packages: pinned,
    dependencies: isFetched ? (ecosystems[parserName(instance.log_parser)] ?? null) : null,
    clock: instance.clock ?? null,
    programs: programsOf(instance.log_parser),
    image: instance.image ?? null,
  };
}

/** The world of an instance: nothing in it tells how it is solved or judged. */
export function sweBenchSpec(requirements: InstanceRequirements): SweBenchSpec {
  const { repository, baseCommit, environment, packages, dependencies, clock } = requirements;
  return {
    kind: "swe-bench",
    repository,
    commit: baseCommit,
    environment,
    ...(packages === null ? {} : { packages }),
    ...(dependencies === null ? {} : { dependencies }),
    ...(clock === null ? {} : { clock }),
  };
}
