// `hindcast ctl log`: who asked the cluster for what, when, and what came of it.
import { type AuditIntent, type AuditOutcome, type Change, HindcastError } from "@hindcast/shared";
import type { AuditLog } from "@hindcast/shared/node";
import { Command } from "commander";
import { printableLine } from "../report/text-width.ts";
import { commandContext } from "./command-context.ts";
import { withSession } from "./session.ts";

const shownDefault = 100;
/** Requests under way at once whose outcome is still to be read. */
const undecidedMax = 256;

interface Entry extends Omit<AuditIntent, "v" | "kind"> {
  number: number;
  /** `unknown`: its coordinator ended before it could say. */
  outcome: AuditOutcome["outcome"] | "unknown";
  changes: Change[];
  error: AuditOutcome["error"];
}

export function ctlLogCommand(): Command {
  return new Command("log")
    .description("list what was asked of the cluster, by whom, and what came of it")
    .option("--campaign <id>", "only what concerned this campaign")
    .option("--limit <n>", "how many of the newest", String(shownDefault))
    .action(async (options: { campaign?: string; limit: string }, command: Command) => {
      const context = commandContext(command);
      const { terminal } = context;
      const limit = limitOf(options.limit);
      const entries = await withSession(context, { parts: [], mayStart: false }, ({ bus }) =>
        readEntries(bus.audit, { limit, campaign: options.campaign ?? null }),
      );
      terminal.result({ event: "ctl.log", entries }, () =>
        entries.length === 0
          ? "nothing was asked yet"
          : terminal.table(
              [
                { header: "no", align: "right" },
                { header: "at" },
                { header: "who", isFlexible: true },
                { header: "asked", isFlexible: true },
                { header: "outcome" },
                { header: "what came of it", isFlexible: true },
              ],
              entries.map((entry) => [
                String(entry.number),
                entry.at,
                printableLine([entry.user, entry.by].filter((name) => name !== null).join(" ")),
                printableLine(askedText(entry)),
                entry.outcome,
                printableLine(cameText(entry)),
              ]),
            ),
      );
    });
}

/** The newest `limit` requests, oldest first; an outcome stands beside its request. */
async function readEntries(
  log: Pick<AuditLog, "read">,
  { limit, campaign }: { limit: number; campaign: string | null },
): Promise<Entry[]> {
  const entries = new Map<number, Entry>();
  for await (const { sequence, record } of log.read()) {
    if (record.kind === "audit.outcome") {
      const { intent, outcome, changes, error } = record;
      const asked = entries.get(intent);
      if (asked === undefined) continue;
      if (campaign !== null && asked.target !== campaign && !changes.some((change) => change.campaignId === campaign)) {
        entries.delete(intent);
      } else Object.assign(asked, { outcome, changes, error });
    } else {
      const { v: _v, kind: _kind, ...asked } = record;
      entries.set(sequence, { number: sequence, ...asked, outcome: "unknown", changes: [], error: null });
    }
    // Some more than are asked for: of those that came last, what they concerned is not known before their outcome.
    const oldest = entries.keys().next();
    if (entries.size > limit + undecidedMax && oldest.done !== true) entries.delete(oldest.value);
  }
  const ofCampaign = ({ outcome, target }: Entry): boolean =>
    campaign === null || outcome !== "unknown" || target === campaign;
  return [...entries.values()].filter(ofCampaign).slice(-limit);
}

function askedText({ verb, target, arguments: values }: Entry): string {
  const given = Object.entries(values).map(([key, value]) => `${key}=${value}`);
  return [verb, target ?? "--all", ...given].join(" ");
}

function cameText({ changes, error }: Entry): string {
  if (error !== null) return `${error.message} (${error.code})`;
  return changes
    .map(
      ({ what, before, after, problem }) => `${what}: ${before} -> ${after}${problem === null ? "" : `; ${problem}`}`,
    )
    .join(", ");
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= 10_000) return limit;
  throw new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message: `--limit ${text} is no number from 1 to 10000`,
  });
}
