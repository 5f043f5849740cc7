import { readLabels } from "../data/data-set.ts";
import { readFilters, tagOf } from "./filters.ts";

/** Column names and values of the rows [from, to). */
export type ColumnsOf = (from: number, to: number) => Record<string, string[]>;

/** The columns of the data set's filter cases. */
export function columnsOfData(data: string): ColumnsOf {
  const filters = readFilters(data);
  const tags = filters.filter(({ kind }) => kind === "tag").map(({ name }) => ({ name, tag: tagOf(data, name) }));
  const clusters = readLabels(data, "clusters");
  return (from, to) => ({
    ...Object.fromEntries(
      tags.map(({ name, tag }) => [name, Array.from(tag.subarray(from, to), (value) => (value === 1 ? "yes" : "no"))]),
    ),
    cluster: Array.from(clusters.subarray(from, to), String),
  });
}
