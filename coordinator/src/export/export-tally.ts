import type { Demonstration } from "@hindcast/shared";
import type { ExportManifest, HeldBackRow } from "./manifest.ts";
import { projectVersion } from "./project-version.ts";
import type { SecretFinding } from "./secrets.ts";
import type { ExportedFile } from "./sink.ts";
import type { Split } from "./split.ts";
import { manifestKind } from "./staging.ts";

/** Held-back rows that are listed by id; the rest are counted. */
const heldBackListMax = 1_000;

/** Counts of an export while it runs. Holds ids and names only, never rows. */
export class ExportTally {
  readonly #ids = new Set<string>();
  readonly #sources = new Set<string>();
  readonly #models = new Set<string>();
  readonly #splits: Record<Split, number> = { train: 0, validation: 0 };
  readonly #byReplay: Record<string, number> = {};
  readonly #byKind: Record<string, number> = {};
  readonly #byPattern: Record<string, number> = {};
  readonly #heldBack: HeldBackRow[] = [];
  #heldBackTotal = 0;
  #duplicates = 0;
  #offline = 0;
  #episodes = 0;

  /** False when the demonstration was seen before: a stream may deliver it twice. */
  isFirst(demonstration: Demonstration): boolean {
    if (!this.#ids.has(demonstration.id)) {
      this.#ids.add(demonstration.id);
      return true;
    }
    this.#duplicates += 1;
    return false;
  }

  hold(id: string, finding: SecretFinding): void {
    this.#heldBackTotal += 1;
    increment(this.#byPattern, finding.pattern);
    if (this.#heldBack.length < heldBackListMax) this.#heldBack.push({ demonstrationId: id, ...finding });
  }

  add({ lineage, replay, instruction }: Demonstration, split: Split): void {
    this.#splits[split] += 1;
    this.#sources.add(lineage.documentSource);
    for (const model of Object.values(lineage.models)) this.#models.add(model);
    increment(this.#byReplay, replay);
    increment(this.#byKind, instruction.kind);
    if (lineage.isOffline) this.#offline += 1;
  }

  addEpisode(): void {
    this.#episodes += 1;
  }

  get exported(): number {
    return this.#splits.train + this.#splits.validation;
  }

  get heldBack(): number {
    return this.#heldBackTotal;
  }

  /** Nothing to validate against: when every source fell on the validation side, all of it is training data. */
  readonly nameOf = (split: Split): Split => (this.#splits.train === 0 ? "train" : split);

  manifest(files: readonly ExportedFile[]): ExportManifest {
    const validation = this.nameOf("validation") === "validation" ? this.#splits.validation : 0;
    return {
      kind: manifestKind,
      version: 1,
      producer: projectVersion(),
      isOffline: this.#offline === this.exported,
      demonstrations: {
        exported: this.exported,
        offline: this.#offline,
        train: this.exported - validation,
        validation,
        duplicates: this.#duplicates,
      },
      episodes: this.#episodes,
      byReplay: sorted(this.#byReplay),
      byKind: sorted(this.#byKind),
      sources: this.#sources.size,
      models: [...this.#models].toSorted(),
      heldBack: {
        total: this.#heldBackTotal,
        byPattern: sorted(this.#byPattern),
        rows: this.#heldBack,
        rowsOmitted: this.#heldBackTotal - this.#heldBack.length,
      },
      files: files.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    };
  }
}

function increment(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

function sorted(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
