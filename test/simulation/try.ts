import { CampaignReply, ControlRequest, subjects, CampaignRecord } from "@hindcast/shared";
import type { WorkerId } from "@hindcast/shared";
import { packDocuments } from "../../coordinator/src/campaign-run.ts";
import { someSettings } from "../support/campaign-context.ts";
import { aDocument } from "../support/scripted-generator.ts";
import { SimulatedCluster } from "./cluster.ts";
import { runAgent } from "./world/agent.ts";
import { runCoordinator } from "./world/coordinator.ts";
import { simulatedWorlds } from "./world/environment.ts";
import { SimulatedProvider } from "./world/provider.ts";
import { wordsFor } from "./world/words.ts";

for (let i = 0; i < 4; i++) {
const t0 = performance.now();
using cluster = new SimulatedCluster(1, { isTraced: true });
process.on("unhandledRejection", (e) => { console.log("UNHANDLED", e); process.exit(1) });
const provider = new SimulatedProvider(cluster.random.fork(), wordsFor);
const pool = "shell";
for (const n of [1, 2]) cluster.start(`coordinator-${n}`, (bus, drain) => runCoordinator({ bus, pool, model: provider.modelsOf(bus) }, drain));
const random = cluster.random.fork();
const environments = simulatedWorlds({ random, stepMs: () => random.between(20, 300), divergence: 0, onOpen: () => {}, onClose: () => {} });
for (const n of [1, 2, 3]) cluster.start(`w-${n}`, (bus, drain) => runAgent({ bus, workerId: `w-${n}` as WorkerId, pool, slots: 2, environments, model: provider.modelsOf(bus) }, drain));
try {
await cluster.scheduler.run(() => false, cluster.scheduler.now + 3_000);
const campaign = await cluster.perform("user", async (bus) => {
  const documents = await bus.blobs.put(packDocuments([1, 2, 3].map((n) => aDocument(n))));
  const { campaign } = await bus.request({
    subject: subjects.control("start"), request: ControlRequest, reply: CampaignReply,
    value: { v: 1, kind: "campaign.start", name: "test", settings: { ...someSettings, models: { generator: "sim:g", policy: "sim:p", judges: ["sim:g", "sim:j"] } }, documents },
  });
  return campaign;
});
const record = await cluster.perform("user2", async (bus) => {
  for await (const { value } of bus.records("CAMPAIGNS", CampaignRecord).watch(AbortSignal.timeout(500_000))) if (value?.id === campaign.id && value.state !== "running") return value;
  throw new Error("did not end");
});
(await import("node:fs")).writeFileSync(`/tmp/sim-trace-${i}`, cluster.trace.lines.join("\n"));
console.log(record.state, record.detail, cluster.elapsedMs, cluster.scheduler.count, provider.purchases.length, cluster.trace.digest, (performance.now() - t0).toFixed(0) + " ms");
} catch (e) { console.log(cluster.trace.lines.slice(-80).join("\n")); console.log(e, cluster.failures); break; }
}
