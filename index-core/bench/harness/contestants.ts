// The engines of a comparison: what each is, what of it is quantised, and how its process is started.
import type { Peers } from "../peers/peers.ts";
import { EngineProcess } from "./processes.ts";

export interface Contestant {
  /** Of the process: `node` engines are in engines/, `python` ones in python/engine.py. */
  engine: string;
  language: "node" | "python";
  /** Name in the table. */
  title: string;
  /** What the graph compares, and what the answers' scores are made of. */
  storage: string;
  /** Ways to ask it, with what the table calls them; the first is the one whose throughput is measured. */
  variants: Record<string, string>;
  /** Of a round with a filter: engines that ask back take a hundred times as long, and need not take all day. */
  filteredQueriesMax?: number;
}

export const contestants = {
  hindcast: {
    engine: "hindcast",
    language: "node",
    title: "**Hindcast**",
    storage: "8-bit graph, exact f32 scores; there is no plain f32 graph",
    variants: { graph: "`search`", sync: "`searchInto`" },
  },
  hindcastBf16: {
    engine: "hindcast-bf16",
    language: "node",
    title: "**Hindcast** bf16",
    storage: "8-bit graph, exact scores of bf16 rows",
    variants: { graph: "`search`", sync: "`searchInto`" },
  },
  hindcastColumns: {
    engine: "hindcast-columns",
    language: "node",
    title: "**Hindcast**",
    storage: "8-bit graph, exact f32 scores",
    // `searchInto` takes no filter.
    variants: { auto: "`search`" },
  },
  hindcastFlat: {
    engine: "hindcast-flat",
    language: "node",
    title: "**Hindcast** exact",
    storage: "4- and 8-bit scan with bounds, exact f32 scores",
    variants: { exact: "`search`", sync: "`searchInto`" },
  },
  hindcastFlatBf16: {
    engine: "hindcast-flat-bf16",
    language: "node",
    title: "**Hindcast** exact, bf16",
    storage: "4- and 8-bit scan with bounds, exact scores of bf16 rows",
    variants: { exact: "`search`", sync: "`searchInto`" },
  },
  usearchNode: {
    engine: "usearch",
    language: "node",
    title: "npm usearch",
    storage: "plain f32",
    variants: { graph: "sync" },
  },
  usearchNodeExact: {
    engine: "usearch",
    language: "node",
    title: "npm usearch exactSearch",
    storage: "plain f32",
    variants: { exact: "sync" },
  },
  hnswlibNode: {
    engine: "hnswlib-node",
    language: "node",
    title: "hnswlib-node",
    storage: "plain f32",
    variants: { graph: "sync" },
    filteredQueriesMax: 30,
  },
  lance: {
    engine: "lancedb",
    language: "node",
    title: "LanceDB IVF-HNSW-SQ",
    storage: "8-bit graph, f32 re-rank × 4 (× 3 at ef 32)",
    variants: { graph: "async" },
  },
  faiss: {
    engine: "faiss-hnsw",
    language: "python",
    title: "faiss HNSWFlat",
    storage: "plain f32",
    variants: { graph: "sync" },
  },
  faissSq8: {
    engine: "faiss-hnsw-sq8",
    language: "python",
    title: "faiss HNSW SQ8 + RefineFlat",
    storage: "8-bit graph, f32 re-rank × 4",
    variants: { graph: "sync" },
  },
  faissFlat: {
    engine: "faiss-flat",
    language: "python",
    title: "faiss Flat",
    storage: "plain f32",
    variants: { exact: "sync" },
  },
  hnswlib: {
    engine: "hnswlib-f32",
    language: "python",
    title: "hnswlib",
    storage: "plain f32",
    variants: { graph: "sync" },
    filteredQueriesMax: 30,
  },
  usearchF32: {
    engine: "usearch-f32",
    language: "python",
    title: "usearch f32",
    storage: "plain f32",
    variants: { graph: "sync" },
  },
  usearchBf16: {
    engine: "usearch-bf16",
    language: "python",
    title: "usearch bf16",
    storage: "bf16, not re-ranked",
    variants: { graph: "sync" },
  },
  usearchI8: {
    engine: "usearch-i8",
    language: "python",
    title: "usearch i8",
    storage: "its own 8-bit cast, not re-ranked",
    variants: { graph: "sync" },
  },
} as const satisfies Record<string, Contestant>;

/** Starts its process. @throws with the reason when the engine is not installed. */
export function start(contestant: Contestant, peers: Peers): EngineProcess {
  if (contestant.language === "node") {
    const isPeer = contestant.engine === "hnswlib-node" || contestant.engine === "lancedb";
    if (isPeer && peers.node.path === null) throw new Error(peers.node.reason);
    return EngineProcess.node(contestant.engine);
  }
  if (peers.python.path === null) throw new Error(peers.python.reason);
  return EngineProcess.python(peers.python.path, contestant.engine);
}
