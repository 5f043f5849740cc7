// Prediction files: what SWE-bench's own harness and its leaderboard take.
import { writeFile } from "node:fs/promises";
import { z } from "zod";
import { checkedRow, readEntries, readRows, unreadable } from "./data-file.ts";

/** Under which an episode's evaluation stores the patch that was judged. */
export const modelPatchName = "model.patch";

export const Prediction = z.object({
  instance_id: z.string().min(1),
  model_name_or_path: z.string().min(1),
  /** A diff against the base commit. Null and empty: the agent made none. */
  model_patch: z.string().nullable(),
});
export type Prediction = z.infer<typeof Prediction>;

/**
 * JSON Lines, or one JSON list or one object of objects by instance, as harnesses also write them.
 *
 * @throws DOCUMENTS_UNREADABLE naming file, line and field, also where an instance comes twice
 */
export async function readPredictions(file: string): Promise<Prediction[]> {
  const rows = file.endsWith(".json") ? await readEntries(file) : await readRows(file);
  const places = new Map<string, string>();
  return rows.map((row) => {
    const prediction = checkedRow(Prediction, row);
    const { instance_id: id } = prediction;
    const earlier = places.get(id);
    if (earlier !== undefined)
      throw unreadable(`${row.place}: field "instance_id": ${id} stands at ${earlier} already`);
    places.set(id, row.place);
    return prediction;
  });
}

/** Equal predictions make equal bytes: sorted by instance, fields in one order. */
export function predictionsText(predictions: readonly Prediction[]): string {
  return predictions
    .toSorted((a, b) => (a.instance_id < b.instance_id ? -1 : 1))
    .map(({ instance_id, model_name_or_path, model_patch }) =>
      JSON.stringify({ instance_id, model_name_or_path, model_patch }),
    )
    .map((line) => `${line}\n`)
    .join("");
}

export async function writePredictions(file: string, predictions: readonly Prediction[]): Promise<void> {
  await writeFile(file, predictionsText(predictions));
}
