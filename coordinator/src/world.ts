// The world of a campaign as its stages see it: which kind of environment its episodes open, and the scenes that they
// begin in.
import { gunzipSync, gzipSync } from "node:zlib";
import { CampaignWorld, type CampaignSettings, type Document, limits, type Scene, decode } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";

/** Scenes that one document's proposals may choose from; a prompt has to hold their descriptions. */
const scenesPerDocumentMax = 16;

/** The blob form of a world that `readWorld` reads. */
export function packWorld(world: CampaignWorld): Uint8Array {
  return gzipSync(JSON.stringify(CampaignWorld.parse(world)));
}

/** Null for the shell. @throws PROTOCOL_INVALID, BUS_NOT_FOUND */
export async function readWorld(
  bus: Pick<Bus, "blobs">,
  { environment }: Pick<CampaignSettings, "environment">,
): Promise<CampaignWorld | null> {
  if (environment === "shell") return null;
  const bytes = gunzipSync(await bus.blobs.get(environment.scenes), { maxOutputLength: limits.blobBytesMax });
  return decode(CampaignWorld, bytes, limits.blobBytesMax);
}

/**
 * Where a document's tasks may begin: the scenes of the application that it is named after (`click-button` of
 * `miniwob:click-button`, `shop-admin` of `sites/shop/documents/shop-admin.md`, whose folders may be named after others),
 * or of any where none is the document's own. Those that few others were offered come first.
 */
export function scenesFor(
  world: CampaignWorld,
  { source }: Pick<Document, "source">,
  offered: Map<string, number>,
): Scene[] {
  const applications = new Set(world.starts.map(({ application }) => application));
  const nearest = source.split(/[:/#.]/).findLast((name) => applications.has(name));
  const own = world.starts.filter(({ application }) => application !== null && application === nearest);
  const times = ({ id }: Scene): number => offered.get(id) ?? 0;
  const chosen = (own.length > 0 ? own : world.starts)
    .toSorted((a, b) => times(a) - times(b))
    .slice(0, scenesPerDocumentMax);
  for (const scene of chosen) offered.set(scene.id, times(scene) + 1);
  return chosen;
}
