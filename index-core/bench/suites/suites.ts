import type { Suite } from "../harness/context.ts";
import { border } from "./border.ts";
import { churn } from "./churn.ts";
import { demonstrations } from "./demonstrations.ts";
import { exact } from "./exact.ts";
import { filter } from "./filter.ts";
import { graph, graphSynthetic } from "./graph.ts";
import { kill } from "./kill.ts";
import { embed, lexical } from "./native.ts";
import { nats } from "./nats.ts";
import { natsLate } from "./nats-late.ts";
import { open } from "./open.ts";
import { recallLive } from "./recall-live.ts";

/** In the order in which they run. */
export const suites: Record<string, Suite<never>> = Object.fromEntries(
  [
    filter,
    graph,
    graphSynthetic,
    exact,
    open,
    churn,
    border,
    recallLive,
    lexical,
    embed,
    demonstrations,
    nats,
    natsLate,
    kill,
  ].map((suite) => [suite.name, suite as unknown as Suite<never>]),
);
