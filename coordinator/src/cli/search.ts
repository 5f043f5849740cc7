import {
  demonstrationText,
  limits,
  RetrievalReply,
  RetrievalRequest,
  subjects,
  type RetrievalAnswer,
} from "@hindcast/shared";
import { Command } from "commander";
import { printable } from "../report/text-width.ts";
import { addSettingFlags, commandContext, type SettingFlag } from "./command-context.ts";
import { withSession } from "./session.ts";
import type { Terminal } from "./terminal.ts";

const flags: SettingFlag[] = [
  { flags: "--environment <kind>", path: "campaign.environment", description: "world of the demonstrations" },
  {
    flags: "--results <n>",
    path: "campaign.retrieval.modelBased",
    description: "demonstrations at most, by each way of searching",
  },
];

const nothing: Pick<RetrievalAnswer, "hits" | "dropped"> = {
  hits: [],
  dropped: { duplicate: 0, perTrajectory: 0, tokenBudget: 0 },
};

export function searchCommand(): Command {
  return addSettingFlags(new Command("search"), flags)
    .argument("<text>", "what an agent wants to do, or what it sees")
    .description("search the demonstrations as an agent does")
    .action(async (text: string, _options: unknown, command: Command) => {
      const context = commandContext(command, flags);
      const { environment, retrieval } = context.loaded.config.campaign;
      const reply = await withSession(context, { parts: ["index"] }, ({ bus }) =>
        bus.request({
          subject: subjects.retrievalSearch,
          request: RetrievalRequest,
          reply: RetrievalReply,
          value: {
            v: 1,
            kind: "retrieval.search",
            queries: [
              {
                environment: environment === "plug-in" ? "external" : environment,
                observation: text,
                query: text,
                observationBased: retrieval.modelBased,
                modelBased: retrieval.modelBased,
                filter: null,
                exclude: { demonstrations: [], tasks: [], documents: [], episodes: [] },
                perTrajectoryMax: retrieval.perTrajectoryMax,
                tokenBudget: retrieval.tokenBudget,
              },
            ],
            minSequence: null,
            deadlineMs: limits.requestTimeoutMs,
          },
        }),
      );
      const { hits, dropped } = reply.answers[0] ?? nothing;
      context.terminal.result(
        { event: "search", hits, dropped, indexVersion: reply.indexVersion, tookMs: reply.tookMs },
        () => describe(context.terminal, hits),
      );
    });
}

function describe({ pen }: Terminal, hits: RetrievalAnswer["hits"]): string {
  if (hits.length === 0) return "nothing found; has a campaign finished with demonstrations?";
  return hits
    .map(({ demonstration, reference }) => {
      const { retriever, score } = reference;
      const head = `${pen.paint.bold(demonstration.id)} by ${retriever} (${score.toFixed(3)}), from ${demonstration.lineage.documentSource}, cut from ${demonstration.lineage.episodeId}`;
      return `${head}\n${printable(demonstrationText(demonstration))}`;
    })
    .join("\n\n");
}
