import { CampaignId, HindcastError, limits } from "@hindcast/shared";
import type { Bus, DemonstrationName, GarbageCollected } from "@hindcast/shared/node";
import { Command } from "commander";
import { CampaignRecords } from "../campaign-records.ts";
import { commandContext } from "./command-context.ts";
import { garbageText } from "./gc.ts";
import { withSession } from "./session.ts";

export function forgetCommand(): Command {
  return new Command("forget")
    .argument("<campaign>", "one that has ended, e.g. c-0001")
    .option("--demonstrations", "retire what it learned, too")
    .description("remove the steps, terminal records and snapshots of a campaign; what it learned and exports stay")
    .action(async (text: string, options: { demonstrations?: boolean }, command: Command) => {
      const context = commandContext(command);
      const id = CampaignId.safeParse(text);
      if (!id.success) {
        throw new HindcastError({
          code: "CONFIG_INVALID",
          boundary: "config",
          message: `"${text}" is no campaign id; \`hindcast campaigns list\` shows them, e.g. c-0001`,
        });
      }
      // Only the coordinator's user may remove anything.
      const forgotten = await withSession(context, { parts: [], user: "coordinator" }, async ({ bus }) => {
        const retires = options.demonstrations ?? false;
        return await forgetCampaign(bus, { id: id.data, retires, signal: context.interruption.asked });
      });
      context.terminal.result({ event: "forgotten", campaignId: id.data, ...forgotten }, () => {
        const learned = forgotten.retired === 0 ? "" : ` and retired ${forgotten.retired} demonstrations`;
        return `removed ${forgotten.messages} records of ${id.data}${learned}; ${garbageText(forgotten.garbage, false)}`;
      });
    });
}

/**
 * Each part may be repeated after a crash. The campaign's record stays, with its documents and its report, so that its id
 * is never given away again. Snapshots that are still young go with a later `hindcast gc`.
 */
export async function forgetCampaign(
  bus: Bus,
  { id, retires, signal }: { id: CampaignId; retires: boolean; signal: AbortSignal },
): Promise<{ messages: number; retired: number; garbage: GarbageCollected }> {
  await new CampaignRecords(bus).forget(id);
  let retired = 0;
  if (retires) {
    const learned: DemonstrationName[] = [];
    for await (const { bytes, ...name } of bus.demonstrations.stored()) {
      signal.throwIfAborted();
      const demonstration = bytes.byteLength === 0 ? null : bus.demonstrations.restore(name.id, bytes);
      if (demonstration?.campaignId === id) learned.push(name);
    }
    for (const demonstration of learned) await bus.demonstrations.retire(demonstration.environment, demonstration.id);
    retired = learned.length;
  }
  const messages = await bus.storage.forget(id);
  const garbage = await bus.storage.collectGarbage({ ageMs: limits.blobGarbageAgeMsMin, isDryRun: false });
  return { messages, retired, garbage };
}
