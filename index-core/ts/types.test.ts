// The types that callers rely on. `tsc -b` checks them: a wrong one, or a `@ts-expect-error` without an error, fails it.
// Requirements: 4.1.types
import { readdirSync, readFileSync } from "node:fs";
import { sha256Hex } from "@hindcast/shared/node";
import { describe, expect, expectTypeOf, test } from "vitest";
import type {
  Collection,
  CollectionBatch,
  CollectionFilter,
  CollectionOptions,
  SearchHits,
  VectorSearchRequest,
} from "./collection.ts";
import type { DemonstrationIndex, DemonstrationVectorHits, DemonstrationVectorSearch } from "./demonstration-index.ts";
import type { CheckpointFiles, IndexStats } from "./index-stats.ts";
import { loadNative } from "./load-native.ts";
import type * as Native from "./native.d.ts";

const source = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8");

/** Whether `any` or `unknown` stands in a type: in members, elements, parameters and results, as many levels deep as `L` is long. */
type IsLoose<T, L extends 0[] = [0, 0, 0, 0, 0, 0]> = 0 extends 1 & T
  ? true
  : unknown extends T
    ? true
    : L extends [0, ...infer Rest extends 0[]]
      ? T extends (...parameters: infer P) => infer R
        ? IsLoose<P, Rest> | IsLoose<R, Rest>
        : T extends Promise<infer V>
          ? IsLoose<V, Rest>
          : T extends readonly (infer E)[]
            ? IsLoose<E, Rest>
            : T extends object
              ? T extends Float32Array | Uint32Array
                ? false
                : { [K in keyof T]-?: IsLoose<Exclude<T[K], undefined>, Rest> }[keyof T]
              : false
      : false;

describe("nothing is loose", () => {
  test("a loose type would be seen", () => {
    expectTypeOf<IsLoose<{ a: { b(): Promise<unknown> } }>>().toEqualTypeOf<true>();
    // oxlint-disable-next-line typescript/no-explicit-any
    expectTypeOf<IsLoose<{ a: readonly any[] }>>().toEqualTypeOf<true>();
    expectTypeOf<IsLoose<{ a: { b(): Promise<string | null> } }>>().toEqualTypeOf<false>();
  });

  test("in the native library, the collection and the index", () => {
    expectTypeOf<IsLoose<Native.NativeCollection>>().toEqualTypeOf<false>();
    expectTypeOf<IsLoose<Native.NativeIndex>>().toEqualTypeOf<false>();
    expectTypeOf<IsLoose<typeof Native.openCollection>>().toEqualTypeOf<false>();
    expectTypeOf<IsLoose<typeof Native.openIndex>>().toEqualTypeOf<false>();
    expectTypeOf<IsLoose<Collection>>().toEqualTypeOf<false>();
    expectTypeOf<IsLoose<DemonstrationVectorSearch>>().toEqualTypeOf<false>();
    expectTypeOf<IsLoose<DemonstrationVectorHits>>().toEqualTypeOf<false>();
  });

  test("in the text of native.d.ts and of the facade's signatures", () => {
    expect(source("native.d.ts")).not.toMatch(/\b(any|unknown|object|Function)\b/);
    for (const file of ["collection.ts", "demonstration-index.ts", "index-stats.ts"]) {
      const code = source(file).replaceAll(/\/\*\*.*?\*\/|\/\/[^\n]*/gs, "");
      expect(code, file).not.toMatch(/[:<|,]\s*(any|unknown)\b|\bas any\b/);
    }
  });
});

describe("native.d.ts", () => {
  const declared = [...source("native.d.ts").matchAll(/^export declare (?:class|function) (\w+)/gm)].map(
    ([, name]) => name,
  );

  test("declares what the library exports", () => {
    expect(new Set(Object.keys(loadNative()))).toEqual(new Set(declared));
  });

  test("declares the methods that the classes have", () => {
    for (const name of ["NativeCollection", "NativeIndex"] as const) {
      const body =
        new RegExp(`^export declare class ${name} \\{(.*?)^\\}`, "ms").exec(source("native.d.ts"))?.[1] ?? "";
      const methods = [...body.matchAll(/^ {2}(?:get )?(\w+)\(/gm)].map(([, method]) => method);
      const { prototype } = loadNative()[name];
      expect(new Set(Object.getOwnPropertyNames(prototype))).toEqual(new Set(["constructor", ...methods]));
    }
  });

  test("every function behind it turns a panic into an error", () => {
    const files = readdirSync(new URL("../src/binding/", import.meta.url)).map((name) => `../src/binding/${name}`);
    const exported = ["../src/binding.rs", ...files].flatMap((file) => [
      ...source(file).matchAll(/#\[napi(.*?)\]\n(?:\s*#\[[^\n]*\n)*\s*pub fn (\w+)/gs),
    ]);
    expect(exported.length).toBeGreaterThan(30);
    for (const [, options, name] of exported) expect(options, name).toContain("catch_unwind");
  });

  test("is this: who changes it on purpose changes the number, too", () => {
    const signatures = source("native.d.ts").replaceAll(/\/\*.*?\*\/|\s+/gs, "");
    expect(sha256Hex(signatures).slice(0, 16)).toBe("c1d578dc736c5dc0");
  });
});

describe("results", () => {
  test("every method that works off the event loop returns a promise of a precise type", () => {
    expectTypeOf<Collection["upsert"]>().returns.toEqualTypeOf<Promise<void>>();
    expectTypeOf<Collection["remove"]>().returns.toEqualTypeOf<Promise<number>>();
    expectTypeOf<Collection["search"]>().returns.toEqualTypeOf<Promise<SearchHits>>();
    expectTypeOf<Collection["searchInto"]>().returns.toEqualTypeOf<number>();
    expectTypeOf<Collection["resolve"]>().returns.toEqualTypeOf<Promise<(string | null)[]>>();
    expectTypeOf<Collection["settle"]>().returns.toEqualTypeOf<Promise<void>>();
    expectTypeOf<Collection["optimise"]>().returns.toEqualTypeOf<Promise<void>>();
    expectTypeOf<Collection["checkpoint"]>().returns.toEqualTypeOf<Promise<CheckpointFiles>>();
    expectTypeOf<Collection["stats"]>().returns.toEqualTypeOf<Promise<IndexStats>>();
    expectTypeOf<Collection["close"]>().returns.toEqualTypeOf<Promise<void>>();
    expectTypeOf<Collection>().toExtend<AsyncDisposable>();
    expectTypeOf<DemonstrationIndex["searchVectors"]>().returns.toEqualTypeOf<Promise<DemonstrationVectorHits>>();
    expectTypeOf<DemonstrationIndex>().toExtend<AsyncDisposable>();
    expectTypeOf<Native.NativeCollection["search"]>().returns.toEqualTypeOf<Promise<Native.NativeVectorAnswer>>();
    expectTypeOf<typeof Native.openIndex>().returns.toEqualTypeOf<Promise<Native.NativeIndex>>();
  });

  test("are read-only", () => {
    expectTypeOf<SearchHits>().toEqualTypeOf<Readonly<SearchHits>>();
    const write = (hits: SearchHits, collection: Collection): void => {
      // @ts-expect-error results cannot be replaced
      hits.rows = new Uint32Array(1);
      // @ts-expect-error the explanation cannot be changed
      hits.parts.pop();
      // @ts-expect-error the sequence is that of the folder
      collection.sequence = 1;
    };
    expect(write).toBeTypeOf("function");
  });

  test("names of strategies and retrievers are unions, not strings", () => {
    expectTypeOf<SearchHits["parts"][number]["strategy"]>().toEqualTypeOf<"skip" | "exact" | "graph" | "fallback">();
    expectTypeOf<Native.NativeHit["retriever"]>().toEqualTypeOf<
      "observation-exact" | "observation-bm25" | "model-dense"
    >();
  });
});

test("what is read is taken read-only", () => {
  expectTypeOf<readonly string[]>().toExtend<CollectionBatch["ids"]>();
  expectTypeOf<{ readonly task: readonly (string | null)[] }>().toExtend<Required<CollectionBatch>["columns"]>();
  expectTypeOf<readonly string[]>().toExtend<Required<VectorSearchRequest>["exclude"]>();
});

test("malformed calls are errors of types", () => {
  const options: CollectionOptions = { dimensions: 4, embedder: "test", field: "query" };
  const calls = async (collection: Collection): Promise<void> => {
    // @ts-expect-error a field that is none
    options.field = "title";
    // @ts-expect-error vectors are f32
    await collection.upsert({ ids: ["a"], vectors: new Float64Array(4) });
    // @ts-expect-error ids are texts
    await collection.upsert({ ids: [1], vectors: new Float32Array(4) });
    // @ts-expect-error k is missing
    await collection.search({ vectors: new Float32Array(4) });
    // @ts-expect-error an unknown mode
    await collection.search({ vectors: new Float32Array(4), k: 1, mode: "fast" });
    // @ts-expect-error no list of numbers
    await collection.search({ vectors: [1, 2, 3, 4], k: 1 });
    // @ts-expect-error rows are u32
    collection.searchInto(new Float32Array(4), 64, new Float32Array(1), new Float32Array(1));
    // @ts-expect-error handles are u32
    await collection.resolve([1]);
  };
  expect(calls).toBeTypeOf("function");
});

test("a filter is one of six forms", () => {
  expectTypeOf<{ eq: [string, string] }>().toExtend<CollectionFilter>();
  expectTypeOf<{ not: { or: CollectionFilter[] } }>().toExtend<CollectionFilter>();
  // @ts-expect-error no such operator
  const unknown: CollectionFilter = { like: ["task", "%"] };
  // @ts-expect-error a value is missing
  const short: CollectionFilter = { eq: ["task"] };
  // @ts-expect-error both ends of a range are said, null for open
  const open: CollectionFilter = { range: ["length", { min: 1 }] };
  expect([unknown, short, open]).toHaveLength(3);
  const column = (filter: CollectionFilter): string => {
    if ("eq" in filter) return filter.eq[0];
    if ("in" in filter) return filter.in[0];
    if ("range" in filter) return filter.range[0];
    if ("and" in filter) return String(filter.and.length);
    if ("or" in filter) return String(filter.or.length);
    return column(filter.not);
  };
  expect(column({ not: { in: ["task", ["git"]] } })).toBe("task");
});
