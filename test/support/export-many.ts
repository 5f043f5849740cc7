// Exports a campaign of a given size into a folder and prints what it took; run as a process of its own, under a limit of
// its heap. Arguments: folder, episodes, demonstrations per episode, steps per episode, bytes per observation.
import { dirname } from "node:path";
import { ExportSources } from "../../coordinator/src/export/export-sources.ts";
import { exportDataset } from "../../coordinator/src/export/export-dataset.ts";
import { manyOnABus } from "./many-demonstrations.ts";

const [directory = "", ...numbers] = process.argv.slice(2);
const [episodes = 0, demonstrationsPerEpisode = 0, stepsPerEpisode = 0, observationBytes = 0] = numbers.map(Number);
const bus = manyOnABus({ episodes, demonstrationsPerEpisode, stepsPerEpisode, observationBytes });
const { signal } = new AbortController();
await using sources = new ExportSources(bus, { folder: dirname(directory), signal });
const summary = await exportDataset({
  demonstrations: sources.demonstrations(),
  directory,
  // The format that is written fastest: what is read ahead and remembered is the same for all.
  formats: ["messages"],
});
console.log(
  JSON.stringify({
    demonstrations: summary.demonstrations.exported,
    bytes: summary.bytes,
    residentMiB: Math.round(process.resourceUsage().maxRSS / 1024),
  }),
);
