// Runs seeds that it is sent, and compares each with the undisturbed run.
import type { SeedRequest } from "./seeds.ts";
import { simulate } from "./simulate.ts";

const undisturbed = simulate({ seed: 0, isUndisturbed: true });

process.on("message", (request: SeedRequest) => void answer(request));

async function answer({ seed, weakening }: SeedRequest): Promise<void> {
  const { demonstrations } = await undisturbed;
  const report = await simulate({ seed, weakening, expected: demonstrations });
  process.send?.({ ...report, demonstrations: [] });
}
