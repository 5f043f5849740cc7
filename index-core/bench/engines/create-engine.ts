import type { Engine } from "./engine.ts";
import { HindcastEngine } from "./hindcast-engine.ts";
import { HnswlibNodeEngine } from "./hnswlib-node-engine.ts";
import { LanceEngine } from "./lance-engine.ts";
import { UsearchEngine } from "./usearch-engine.ts";

export async function createEngine(name: string): Promise<Engine> {
  if (name === "hindcast") return await HindcastEngine.load({ isFlat: false, hasColumns: false, storage: "f32" });
  if (name === "hindcast-columns")
    return await HindcastEngine.load({ isFlat: false, hasColumns: true, storage: "f32" });
  if (name === "hindcast-flat") return await HindcastEngine.load({ isFlat: true, hasColumns: false, storage: "f32" });
  if (name === "hindcast-bf16") return await HindcastEngine.load({ isFlat: false, hasColumns: false, storage: "bf16" });
  if (name === "hindcast-flat-bf16")
    return await HindcastEngine.load({ isFlat: true, hasColumns: false, storage: "bf16" });
  if (name === "usearch") return new UsearchEngine();
  if (name === "hnswlib-node") return new HnswlibNodeEngine();
  if (name === "lancedb") return new LanceEngine();
  throw new Error(`there is no engine ${name}`);
}
