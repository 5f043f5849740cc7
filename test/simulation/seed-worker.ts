// Runs seeds that it is sent, and compares each with the undisturbed run.
import type { SeedRequest } from "./seeds.ts";
import { simulate } from "./simulate.ts";

let undisturbed: ReturnType<typeof simulate> | undefined;

process.on("message", (request: SeedRequest) => void answer(request));

async function answer(request: SeedRequest): Promise<void> {
  undisturbed ??= simulate({ seed: 0, documents: request.documents, isUndisturbed: true });
  const { demonstrations } = await undisturbed;
  const report = await simulate({ ...request, expected: demonstrations });
  process.send?.({ ...report, demonstrations: [] });
}
