// What admission costs a model call, and whether a budget holds when many agents draw on it at once: agents without a
// provider take a ticket, settle it with a random cost, and take the next, over one NATS server that syncs every write.
// `--publish` writes the table into test/RELIABILITY.md.
import { cpus } from "node:os";
import { styleText } from "node:util";
import { type CampaignId, HindcastError, type WorkerId } from "@hindcast/shared";
import { type Bus, FleetAdmission, silentLogger } from "@hindcast/shared/node";
import { aCampaign, anAdmitter, budgetOf, openSettings, untilAdmitting } from "../support/admission.ts";
import { aNatsServer, testWorkers } from "../support/nats-server.ts";
import { publishText } from "../chaos/reliability-file.ts";
import { machine, option, quantile } from "./statistics.ts";

const agents = option("agents", 50);
const calls = option("calls", 2_000);
const limitUsd = option("limit-usd", 20);
/** The most that a call is reserved at; it costs a random part of it. */
const usdMax = 0.02;
const never = new AbortController().signal;

await using nats = await aNatsServer();
const coordinator = await nats.coordinator();
const worker = await nats.connect(testWorkers[0] as WorkerId);
await using _admitter = await anAdmitter(coordinator, {
  limitsOf: (lane) => ({ ...openSettings.limitsOf(lane), concurrency: { min: 1, start: 1_000, max: 1_000 } }),
});
await untilAdmitting(coordinator);

const unbudgeted = await aCampaign(coordinator, "c-0001");
const budgeted = await aCampaign(coordinator, "c-0002", { costUsdMax: 1_000_000 });
const contended = await aCampaign(coordinator, "c-0003", { costUsdMax: limitUsd });
const rows = {
  "one agent, no budget": await overhead(worker, unbudgeted, 1),
  "one agent, with a budget": await overhead(worker, budgeted, 1),
  [`${agents} agents, no budget`]: await overhead(worker, unbudgeted, agents),
  [`${agents} agents, with a budget`]: await overhead(worker, budgeted, agents),
};
const contention = await contend(worker, contended);
print();

interface Overhead {
  milliseconds: number[];
  perSecond: number;
}

async function overhead(bus: Bus, campaignId: CampaignId, holders: number): Promise<Overhead> {
  const milliseconds: number[] = [];
  const startedAt = performance.now();
  await eachAgent(bus, holders, async (admission) => {
    for (let n = 0; n < calls / holders; n += 1) {
      const askedAt = performance.now();
      const ticket = await admission.admit(request(campaignId), never);
      milliseconds.push(performance.now() - askedAt);
      ticket.settle(answered(usdMax / 2));
    }
  });
  return { milliseconds, perSecond: (milliseconds.length * 1_000) / (performance.now() - startedAt) };
}

/** What the agents themselves count as spent, against the limit and against the books. */
async function contend(
  bus: Bus,
  campaignId: CampaignId,
): Promise<{ admitted: number; spentUsd: number; overUsd: number; bookedUsd: number; seconds: number }> {
  let [admitted, spentUsd] = [0, 0];
  const startedAt = performance.now();
  await eachAgent(bus, agents, async (admission) => {
    for (;;) {
      try {
        const ticket = await admission.admit(request(campaignId), never);
        const costUsd = usdMax * Math.random();
        admitted += 1;
        spentUsd += costUsd;
        ticket.settle(answered(costUsd));
      } catch (error) {
        if (error instanceof HindcastError && error.code === "CAMPAIGN_BUDGET_EXHAUSTED") return;
        throw error;
      }
    }
  });
  const bookedUsd = (await budgetOf(coordinator, campaignId))?.settledUsd ?? Number.NaN;
  const seconds = (performance.now() - startedAt) / 1_000;
  return { admitted, spentUsd, overUsd: Math.max(0, spentUsd - limitUsd), bookedUsd, seconds };
}

async function eachAgent(bus: Bus, holders: number, work: (admission: FleetAdmission) => Promise<void>): Promise<void> {
  const all = Array.from({ length: holders }, (_, n) => {
    return new FleetAdmission({ bus, holder: `bench-${Date.now()}-${n}`, logger: silentLogger });
  });
  await Promise.all(all.map(work));
  await Promise.all(all.map((admission) => admission[Symbol.asyncDispose]()));
}

function request(campaignId: CampaignId): Parameters<FleetAdmission["admit"]>[0] {
  const lane = "anthropic.claude-sonnet-5.000000000000";
  const model = "anthropic:claude-sonnet-5-5";
  return { model, lane, account: { campaignId }, inputTokens: 2_000, outputTokens: 500, usdMax };
}

function answered(costUsd: number): Parameters<Awaited<ReturnType<FleetAdmission["admit"]>>["settle"]>[0] {
  const usage = { inputTokens: 2_000, outputTokens: 200 };
  return { kind: "answered", usage, costUsd, retryAfterMs: null, detail: "", durationMs: 1_000, buckets: [] };
}

function print(): void {
  const figures = Object.fromEntries(
    Object.entries(rows).map(([name, { milliseconds, perSecond }]) => [
      name,
      { p50: quantile(milliseconds, 0.5), p99: quantile(milliseconds, 0.99), perSecond },
    ]),
  );
  if (process.argv.includes("--json")) {
    const settings = { agents, calls, limitUsd, usdMax };
    console.log(
      JSON.stringify({ benchmark: "admission", machine: machine(cpus()), settings, milliseconds: figures, contention }),
    );
    return;
  }
  if (process.argv.includes("--publish")) publishText("admission", markdownOf(figures));
  console.log(styleText("bold", `Admission per call (${machine(cpus())})`));
  for (const [name, { p50, p99, perSecond }] of Object.entries(figures)) {
    console.log(
      `${name.padEnd(26)} p50 ${p50.toFixed(2).padStart(7)} ms   p99 ${p99.toFixed(2).padStart(7)} ms   ${perSecond.toFixed(0).padStart(6)} calls/s`,
    );
  }
  console.log(contentionOf());
}

function contentionOf(): string {
  const { admitted, spentUsd, overUsd, bookedUsd, seconds } = contention;
  return `${agents} agents on $${limitUsd}: ${admitted} calls in ${seconds.toFixed(1)} s spent $${spentUsd.toFixed(6)} (booked $${bookedUsd.toFixed(6)}), over budget $${overUsd.toFixed(6)}`;
}

function markdownOf(figures: Record<string, { p50: number; p99: number; perSecond: number }>): string {
  return [
    `\`npm run bench -- admission\` on ${new Date().toISOString().slice(0, 10)}, ${machine(cpus())}. ${contentionOf()}.`,
    "",
    "| admission per call | p50, ms | p99, ms | calls per second |",
    "| --- | ---: | ---: | ---: |",
    ...Object.entries(figures).map(
      ([name, { p50, p99, perSecond }]) =>
        `| ${name} | ${p50.toFixed(2)} | ${p99.toFixed(2)} | ${perSecond.toFixed(0)} |`,
    ),
  ].join("\n");
}
