import type { ExportedFile } from "./sink.ts";
import type { manifestKind } from "./staging.ts";

/** A row that was not exported because it holds something shaped like a credential. */
export interface HeldBackRow {
  demonstrationId: string;
  pattern: string;
  field: string;
}

/** What an export holds: the content of its `manifest.json`. */
export interface ExportManifest {
  kind: typeof manifestKind;
  version: 1;
  /** Version of Hindcast that wrote it. */
  producer: string;
  isOffline: boolean;
  demonstrations: {
    exported: number;
    /** Of those exported, how many no language model took part in. */
    offline: number;
    train: number;
    validation: number;
    /** The same demonstration given twice is exported once. */
    duplicates: number;
  };
  episodes: number;
  byReplay: Record<string, number>;
  byKind: Record<string, number>;
  sources: number;
  models: string[];
  heldBack: { total: number; byPattern: Record<string, number>; rows: HeldBackRow[]; rowsOmitted: number };
  files: ExportedFile[];
}
