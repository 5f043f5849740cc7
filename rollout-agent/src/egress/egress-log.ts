// What went out of one sandbox, request by request, for the trajectory.
import { type EgressRecord, limits } from "@hindcast/shared";

/** As `EnvironmentState.artifacts` has it. */
export interface EgressArtifact {
  name: string;
  mediaType: string;
  bytes: Uint8Array;
}

export class EgressLog {
  #records: EgressRecord[] = [];
  #count = 0;
  #omitted = 0;

  add(record: EgressRecord): void {
    if (this.#count >= limits.egressRecordsMax) this.#omitted += 1;
    else {
      this.#count += 1;
      this.#records.push(record);
    }
  }

  /** Records since the last call, and how many more there were than an episode may keep. */
  take(): { records: EgressRecord[]; omitted: number } {
    const taken = { records: this.#records, omitted: this.#omitted };
    this.#records = [];
    this.#omitted = 0;
    return taken;
  }
}

/** One line of JSON per record; null where nothing was asked. */
export function egressArtifact({ records, omitted }: ReturnType<EgressLog["take"]>): EgressArtifact | null {
  if (records.length === 0 && omitted === 0) return null;
  const lines = records.map((record) => JSON.stringify(record));
  if (omitted > 0) lines.push(JSON.stringify({ v: 1, kind: "egress-omitted", requests: omitted }));
  return { name: "egress.jsonl", mediaType: "application/x-ndjson", bytes: Buffer.from(`${lines.join("\n")}\n`) };
}
