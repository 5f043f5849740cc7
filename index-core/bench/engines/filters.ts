// The filter cases of a data set, prepared by suites/filter.ts, in the forms that engines take.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { dataFolder, readLabels, readTruth } from "../data/data-set.ts";

export interface FilterCase {
  name: string;
  /** `tag`: column `tag` of filters.json's values; `cluster`: another label per query; `exclude`: the nearest are left out. */
  kind: "tag" | "cluster" | "exclude";
  title: string;
  /** Rows that pass, on average over queries. */
  passing: number;
}

/** How many of the nearest a query leaves out in the case `exclude`. */
export const excludedNearest = 50;

export function readFilters(data: string): FilterCase[] {
  return JSON.parse(readFileSync(join(dataFolder(data), "filters.json"), "utf8")) as FilterCase[];
}

export function filterNamed(data: string, name: string): FilterCase {
  const found = readFilters(data).find((filter) => filter.name === name);
  if (found === undefined) throw new Error(`${data} has no filter ${name}`);
  return found;
}

/** Row by row, 1 where it passes. */
export const tagOf = (data: string, name: string): Uint16Array => readLabels(data, `filter-${name}`);

/** The cluster that each query asks for. */
export const wantedClusters = (data: string, name: string): Uint16Array => readLabels(data, `filter-${name}`);

/** Rows that query `query` leaves out. */
export function excludedOf(data: string): (query: number) => Int32Array {
  const { ids, depth } = readTruth(data);
  return (query) => ids.subarray(query * depth, query * depth + excludedNearest);
}

/** Whether a row passes, for engines that ask back; what it costs to prepare is not measured. */
export function predicateOf(data: string, name: string): (query: number) => (row: number) => boolean {
  const { kind } = filterNamed(data, name);
  if (kind === "tag") {
    const tag = tagOf(data, name);
    return () => (row) => tag[row] === 1;
  }
  if (kind === "cluster") {
    const clusters = readLabels(data, "clusters");
    const wanted = wantedClusters(data, name);
    return (query) => (row) => clusters[row] === wanted[query];
  }
  const excluded = excludedOf(data);
  return (query) => {
    const rows = new Set(excluded(query));
    return (row) => !rows.has(row);
  };
}
