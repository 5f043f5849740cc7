import type { CampaignWorld } from "@hindcast/shared";
import type { DocumentSource } from "../documents/document-source.ts";

/** What a world comes down to before its campaign begins. */
export interface WorldSource {
  world: CampaignWorld;
  /** Read where the user names no documents of their own. Nothing of what is held back is told in them. */
  documents: DocumentSource[];
}

/** What of the surroundings a world may need. */
export interface WorldPlaces {
  /** Agents are started from here, so what they lack is known: else it is their operator's affair. */
  isLocal: boolean;
  /** Whether a browser is found. */
  hasChromium: boolean;
  /** MiniWoB's `html` folder; null: none is configured. */
  miniWobFolder: string | null;
  /** Whether agents have a place for repositories and environments. */
  hasSweBenchCache: boolean;
  /** Folders of clones, or URLs. */
  repositories: readonly string[];
  /** Names of the plugged-in worlds; null: no worlds file here to look into. */
  plugIns: readonly string[] | null;
}

/** Of `items`, the share that is held back: at least one of two or more, and never all. */
export function heldBack(items: number, percent: number): number {
  return percent === 0 || items < 2 ? 0 : Math.min(items - 1, Math.max(1, Math.round((items * percent) / 100)));
}
