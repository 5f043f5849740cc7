// Web sites as a world: where they are, what documents tell of them, which tasks have references. A site that a user
// only names by its address has no tasks; one that comes with tasks (a shop with its database, say) is measured by them.
import { BrowserSpec, type HeldOutScene, type Scene, SiteOrigin, StorageState, TaskReference } from "@hindcast/shared";
import { z } from "zod";
import type { DocumentSource } from "../documents/document-source.ts";
import { parseDocumentSource } from "../documents/document-source.ts";
import type { WorldSource } from "./world-source.ts";

/** A task of a site, judged by a reference. */
const SiteTask = z.strictObject({
  id: z.string().min(1).max(200),
  instruction: z.string().min(1).max(8_000),
  asksForAnswer: z.boolean().default(false),
  startUrls: z
    .array(z.url({ protocol: /^https?$/ }))
    .min(1)
    .max(10),
  reference: TaskReference,
});

/** A site that a campaign may learn: what whoever runs sites says of one. */
export const Site = z.strictObject({
  name: z.string().min(1).max(256),
  /** Where it is; the first ones are opened. */
  urls: z
    .array(z.url({ protocol: /^https?$/ }))
    .min(1)
    .max(10),
  /** Document sources as on a command line: its help, its manual. */
  documents: z.array(z.string().min(1)).default([]),
  /** A login as cookies and local storage; null: none is needed. */
  credentials: StorageState.nullable().default(null),
  /** What its pages take for the present, ISO 8601; null: the machine's clock. */
  clock: z.iso.datetime().nullable().default(null),
  /** Held back for measuring. */
  tasks: z.array(SiteTask).default([]),
  /** Where what is done to it stays, episodes resume at their tabs instead of doing everything again. */
  keepsChanges: z.boolean().default(false),
});
export type Site = z.infer<typeof Site>;

export function siteWorld(sites: readonly Site[], benchmark: string | null = null): WorldSource {
  return {
    world: {
      v: 1,
      starts: sites.map((site) => sceneOf(site, { id: site.name, urls: site.urls, benchmark })),
      heldOut: sites.flatMap((site) =>
        site.tasks.map(({ id, startUrls, instruction, asksForAnswer, reference }): HeldOutScene => ({
          ...sceneOf(site, { id: `${site.name}/${id}`, urls: startUrls, benchmark }),
          kind: "document-disjoint",
          instruction,
          asksForAnswer,
          reference,
        })),
      ),
    },
    documents: sites.flatMap(({ documents }) => documents.map((text): DocumentSource => parseDocumentSource(text))),
  };
}

function sceneOf(site: Site, { id, urls, benchmark }: { id: string; urls: string[]; benchmark: string | null }): Scene {
  const origins = new Set(site.urls.map((url) => SiteOrigin.parse(new URL(url).origin)));
  return {
    id,
    benchmark,
    application: site.name,
    environment: BrowserSpec.parse({
      kind: "browser",
      start: { kind: "pages", urls },
      sites: [...origins],
      storageState: site.credentials,
      clock: site.clock,
      screenshots: "none",
      resume: site.keepsChanges ? "revisit" : "replay",
    }),
    description: `The site ${site.name}, open at ${urls.join(" and ")}.`,
    statesGoal: false,
  };
}
