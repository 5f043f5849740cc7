// A plugged-in world by its name: an episode of each seed is a scene. Only the world knows what its tasks are, so it is
// learned from and, where it rewards, measured on seeds that nobody learned from.
import { HindcastError, type Scene } from "@hindcast/shared";
import type { WorldPlaces, WorldSource } from "./world-source.ts";

const heldOutSeeds = 1_000_000;

/** @throws CONFIG_INVALID where the worlds file names no such world */
export function plugInWorld(
  { name, seeds }: { name: string; seeds: number },
  { plugIns }: Pick<WorldPlaces, "plugIns">,
): WorldSource {
  if (plugIns !== null && !plugIns.includes(name)) {
    throw new HindcastError({
      code: "CONFIG_INVALID",
      boundary: "config",
      message: `campaign.world.plugIn is ${name}, but HINDCAST_WORLDS_FILE knows ${plugIns.join(", ") || "no world"}; correct one of them`,
    });
  }
  const scenes = (from: number): Scene[] =>
    Array.from({ length: seeds }, (_, n) => ({
      id: `${name}#${from + n}`,
      benchmark: name,
      application: name,
      environment: { kind: "external", world: name, parameters: {}, seed: from + n },
      description: `The world ${name}, variation ${from + n}. It tells itself what tools there are.`,
      statesGoal: false,
    }));
  return {
    world: {
      v: 1,
      starts: scenes(0),
      heldOut: scenes(heldOutSeeds).map((scene) => ({
        ...scene,
        kind: "instance-disjoint",
        instruction: `Do what the world ${name} asks for in variation ${scene.id}.`,
        asksForAnswer: false,
        reference: { kind: "world-reward" },
      })),
    },
    documents: [],
  };
}
