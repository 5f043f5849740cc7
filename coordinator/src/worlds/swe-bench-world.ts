// Repositories with bugs as a world: instances in SWE-bench's format, most to learn in, some held back with their tests.
// What is asked while learning is the documents' affair (how the tests are run, say); a held-out task is the issue itself.
import { dirname, join, resolve } from "node:path";
import { existsSync } from "node:fs";
import { type HeldOutScene, HindcastError, type PinnedNode, type Scene } from "@hindcast/shared";
import {
  instanceRequirements,
  PinnedEnvironments,
  readEnvironmentPins,
  readNodePins,
  readSweBenchInstances,
  type SweBenchInstance,
  sweBenchReference,
  sweBenchSpec,
} from "@hindcast/shared/node";
import { seededRandom } from "../sampling.ts";
import { heldBack, type WorldPlaces, type WorldSource } from "./world-source.ts";

const guides = resolve(import.meta.dirname, "../../worlds/code");

export interface SweBenchOptions {
  /** A file of instances, or the folder of `bench swe-bench make`; environments stand in `pins.jsonl` beside it. */
  instances: string;
  heldOutPercent: number;
  seed: number;
}

/** @throws CONFIG_INVALID, DOCUMENTS_UNREADABLE, before anything is spent */
export async function sweBenchWorld(options: SweBenchOptions, places: WorldPlaces): Promise<WorldSource> {
  const { instances: place, heldOutPercent, seed } = options;
  const file = existsSync(join(place, "tasks.jsonl")) ? join(place, "tasks.jsonl") : place;
  if (!existsSync(file)) throw refused(`campaign.world.instances is ${place}, which is not there`);
  const instances = await readSweBenchInstances(file);
  if (instances.length === 0) throw refused(`${file} holds no instances`);
  if (places.isLocal && (!places.hasSweBenchCache || places.repositories.length === 0)) {
    throw refused(
      "agents would have no repositories; set HINDCAST_SWE_BENCH_CACHE to a folder and HINDCAST_SWE_BENCH_REPOSITORIES to the clones",
    );
  }
  const { environments, packages } = await pinsBeside(file);
  const count = heldBack(instances.length, heldOutPercent);
  const shuffled = seededRandom("swe-bench", seed).shuffle(instances);
  const unseen = new Set(shuffled.slice(0, count));
  const learned = instances.filter((instance) => !unseen.has(instance));
  const repositories = new Set(learned.map(({ repo }) => repo));
  const sceneOf = (instance: SweBenchInstance): Scene => ({
    id: instance.instance_id,
    benchmark: "swe-bench",
    application: instance.repo,
    environment: sweBenchSpec(instanceRequirements(instance, environments, packages)),
    description: `The repository of ${instance.repo}, in which this is reported:\n${instance.problem_statement}`.slice(
      0,
      16_000,
    ),
    statesGoal: false,
  });
  return {
    world: {
      v: 1,
      starts: learned.map(sceneOf),
      heldOut: [...unseen].map((instance): HeldOutScene => ({
        ...sceneOf(instance),
        kind: repositories.has(instance.repo) ? "instance-disjoint" : "document-disjoint",
        instruction: instance.problem_statement.slice(0, 8_000),
        asksForAnswer: false,
        reference: sweBenchReference(instance),
      })),
    },
    documents: [{ kind: "path", path: guides }],
  };
}

/** As `bench swe-bench` finds them; where no pins are, the sandbox's own programs have to do. */
async function pinsBeside(
  file: string,
): Promise<{ environments: PinnedEnvironments; packages: Map<string, PinnedNode> }> {
  const pins = [join(dirname(file), "pins.jsonl"), join(dirname(file), "verified-env-pins.jsonl.gz")].find((path) =>
    existsSync(path),
  );
  if (pins === undefined) return { environments: new PinnedEnvironments(), packages: new Map() };
  return { environments: await readEnvironmentPins(pins), packages: await readNodePins(pins) };
}

function refused(message: string): HindcastError {
  return new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
}
