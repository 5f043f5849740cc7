import type { ConfigOf, Retention, storageVariables } from "@hindcast/shared/node";

/** The flat settings of section `storage`, which are a coordinator's variables too, by stream. */
export type StorageSettings = ConfigOf<typeof storageVariables>;

export function retentionOf(settings: StorageSettings): Retention {
  return {
    trajectories: { days: settings.trajectoriesDays, bytesMax: settings.trajectoriesBytesMax },
    results: { days: settings.resultsDays, bytesMax: settings.resultsBytesMax },
    journal: { days: settings.journalDays, bytesMax: settings.journalBytesMax },
    blobs: { days: null, bytesMax: settings.blobsBytesMax },
    deadLetters: { days: settings.deadLettersDays, bytesMax: settings.deadLettersBytesMax },
    advisories: { days: settings.advisoriesDays, bytesMax: settings.advisoriesBytesMax },
  };
}
