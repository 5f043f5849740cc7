import type { AdmissionStatus } from "@hindcast/shared";
import { printableLine } from "../report/text-width.ts";
import type { Terminal } from "./terminal.ts";

/** Lanes and budgets as `hindcast status` shows them; nothing where no request to a provider was ever admitted. */
export function admissionLines(
  admission: Pick<AdmissionStatus, "lanes" | "budgets"> | null,
  terminal: Pick<Terminal, "table">,
): string[] {
  if (admission === null) return ["admission: nobody admits requests to providers at the moment"];
  const { lanes, budgets } = admission;
  return [
    ...(lanes.length === 0 ? [] : ["", laneTable(lanes, terminal)]),
    ...(budgets.length === 0 ? [] : ["", budgetTable(budgets, terminal)]),
  ];
}

function laneTable(lanes: AdmissionStatus["lanes"], terminal: Pick<Terminal, "table">): string {
  return terminal.table(
    [
      { header: "lane" },
      { header: "limit", align: "right" },
      { header: "in flight", align: "right" },
      { header: "waiting", align: "right" },
      { header: "state", isFlexible: true },
    ],
    lanes.map(({ lane, concurrency, inFlight, waiting, block, detail, until }) => [
      lane,
      String(concurrency),
      String(inFlight),
      String(waiting),
      block === null ? "open" : printableLine(`${block}: ${detail}${until === null ? "" : `, until ${until}`}`),
    ]),
  );
}

function budgetTable(budgets: AdmissionStatus["budgets"], terminal: Pick<Terminal, "table">): string {
  const dollars = (usd: number): string => `$${usd.toFixed(4)}`;
  return terminal.table(
    [
      { header: "budget" },
      { header: "limit", align: "right" },
      { header: "spent", align: "right" },
      { header: "reserved", align: "right" },
    ],
    budgets.map(({ account, limitUsd, settledUsd, escrowUsd }) => [
      account,
      dollars(limitUsd),
      dollars(settledUsd),
      dollars(escrowUsd),
    ]),
  );
}
