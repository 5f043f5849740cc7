// Goes on with the history from sequence `from`, checkpoints after each few batches, and says so; it is killed meanwhile.
import { openCollection } from "../engines/hindcast.ts";
import { argumentsOf } from "../harness/arguments.ts";
import { batchOf, dimensions, graphRowsMinOfHistory } from "../data/kill-history.ts";

const { folder, from } = argumentsOf({ folder: "", from: "0" });
const batchesPerCheckpoint = 3;

await using collection = await openCollection({ dimensions, folder, graphRowsMin: graphRowsMinOfHistory });
console.log("ready");
for (let sequence = Number(from) + 1; ; sequence += 1) {
  const { ids, vectors, removed } = batchOf(sequence);
  await collection.upsert({ ids, vectors });
  await collection.remove(removed);
  if (sequence % batchesPerCheckpoint !== 0) continue;
  await collection.checkpoint(sequence);
  // What was said before the kill counts as acknowledged.
  console.log(`acknowledged ${sequence}`);
}
