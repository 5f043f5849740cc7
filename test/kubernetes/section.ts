// A part of the proof, which can be run alone: a table of its own on the page.
import type { ResultRows } from "../support/result-rows.ts";

export interface Section {
  title: string;
  intro: string;
  /** What it needs and the cluster does not have; null where it has all. */
  missing: (settings: SectionSettings) => Promise<string | null>;
  run: (rows: ResultRows, settings: SectionSettings) => Promise<void>;
}

export interface SectionSettings {
  /** Of a campaign. */
  documents: number;
  /** Tag of the images of an earlier version; null: there are none. */
  previous: string | null;
  /** Whether the node has gVisor as the handler `runsc`. */
  hasGvisor: boolean;
}
