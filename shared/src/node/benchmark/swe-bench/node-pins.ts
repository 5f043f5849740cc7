// Packages of npm that a task's tests need, from the same file of pins: a row with "npm" where another has "python".
import { z } from "zod";
import { PinnedNode } from "../../../domain/swe-bench.ts";
import { sha256Hex } from "../../derive-id.ts";
import { checkedRow, readRows, unreadable } from "./data-file.ts";

const NodePins = z.object({ instance_id: z.string().min(1), npm: PinnedNode.shape.packages });

export function nodePackages(names: readonly string[]): PinnedNode {
  const packages = [...new Set(names)].toSorted();
  return { key: sha256Hex(JSON.stringify(packages)).slice(0, 16), packages };
}

/** @returns by instance id. @throws DOCUMENTS_UNREADABLE naming file, line and field */
export async function readNodePins(file: string): Promise<Map<string, PinnedNode>> {
  const found = new Map<string, PinnedNode>();
  for (const row of await readRows(file)) {
    if (!isNodeRow(row.value)) continue;
    const { instance_id: id, npm } = checkedRow(NodePins, row);
    if (found.has(id)) throw unreadable(`${row.place}: ${id} comes a second time`);
    found.set(id, nodePackages(npm));
  }
  return found;
}

export function isNodeRow(value: unknown): boolean {
  return typeof value === "object" && value !== null && "npm" in value;
}
