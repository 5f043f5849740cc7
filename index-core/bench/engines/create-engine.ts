import type { Engine } from "./engine.ts";
import { HindcastEngine } from "./hindcast-engine.ts";
import { HnswlibNodeEngine } from "./hnswlib-node-engine.ts";
import { LanceEngine } from "./lance-engine.ts";
import { UsearchEngine } from "./usearch-engine.ts";

export async function createEngine(name: string): Promise<Engine> {
  if (name === "hindcast") return await HindcastEngine.load({ isFlat: false, hasColumns: false });
  if (name === "hindcast-columns") return await HindcastEngine.load({ isFlat: false, hasColumns: true });
  if (name === "hindcast-flat") return await HindcastEngine.load({ isFlat: true, hasColumns: false });
  if (name === "usearch") return new UsearchEngine();
  if (name === "hnswlib-node") return new HnswlibNodeEngine();
  if (name === "lancedb") return new LanceEngine();
  throw new Error(`there is no engine ${name}`);
}
