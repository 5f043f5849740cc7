// What the same turnover does to one mutable npm usearch index, without any concurrency: `remove` and `add` by turns.
import { Index, MetricKind, ScalarKind } from "usearch";
import { graphOptions } from "../engines/engine.ts";
import { argumentsOf } from "../harness/arguments.ts";
import { MovingRows, sparesOfChurn } from "../data/moving-rows.ts";

const values = argumentsOf({ rows: "20000", dimensions: "128", turnovers: "10" });
const rows = Number(values.rows);
const dimensions = Number(values.dimensions);
const k = 10;
const recallQueries = 200;
const batch = 500;

const moving = new MovingRows(rows, dimensions, sparesOfChurn);
const keys = BigUint64Array.from({ length: rows }, (_, row) => BigInt(row));
const churned = filled();
const recallBefore = recall(churned);
for (let done = 0; done < Number(values.turnovers) * rows; done += batch) {
  const { changed, vectors } = moving.next(batch);
  const replaced = BigUint64Array.from(changed, BigInt);
  churned.remove(replaced);
  churned.add(replaced, vectors, 1);
}
const recallAfter = recall(churned);
console.log(JSON.stringify({ recallBefore, recallAfter, recallFresh: recall(filled()) }));

function filled(): Index {
  const index = new Index({
    metric: MetricKind.IP,
    quantization: ScalarKind.F32,
    dimensions,
    connectivity: graphOptions.connectivity,
    expansion_add: graphOptions.expansionAdd,
    expansion_search: 64,
    multi: false,
  });
  index.add(keys, moving.newest, 1);
  return index;
}

function recall(index: Index): number {
  let found = 0;
  for (let n = 0; n < recallQueries; n += 1) {
    const query = moving.fill(new Float32Array(dimensions));
    const best = moving.best(query, k);
    found += Array.from(index.search(query, k, 1).keys).filter((key) => best.has(Number(key))).length;
  }
  return found / (recallQueries * k);
}
