// Measures the retrieval index against its peers and writes the tables of index-core/README.md.
//   npm run bench -w index-core                     everything; hours
//   npm run bench -w index-core -- --quick          everything tiny; under a minute, writes nothing into the repository
//   npm run bench -w index-core -- --suite graph,exact --rounds 8 --rebuild --kills 1000 --checked 1e7
//
// Data, peers and built indexes go to .hindcast/bench. Each suite replaces its own JSON, plots and table.
import { parseArgs } from "node:util";
import type { Context, Suite } from "./harness/context.ts";
import { describeMachine } from "./harness/machine.ts";
import { preparePeers } from "./peers/peers.ts";
import { publish, reportOf, startQuick } from "./report/publish.ts";
import { suites } from "./suites/suites.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    suite: { type: "string", default: Object.keys(suites).join(",") },
    rounds: { type: "string", default: "8" },
    kills: { type: "string", default: "50" },
    checked: { type: "string", default: "1e6" },
    rebuild: { type: "boolean", default: false },
    // The other benchmark programs have it; here the JSON is always written.
    json: { type: "boolean", default: false },
  },
});
const isQuick = values.quick;
const startedAt = performance.now();
const log = (text: string): void =>
  console.error(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(8)} s  ${text}`);
const context: Context = {
  isQuick,
  rounds: isQuick ? 2 : Number(values.rounds),
  kills: isQuick ? 2 : Number(values.kills),
  checked: isQuick ? 5_000 : Number(values.checked),
  rebuild: values.rebuild,
  peers: await preparePeers(!isQuick),
  log,
};
const machine = describeMachine();
const command = [
  "npm run bench -w index-core",
  ...(process.argv.length > 2 ? ["--", ...process.argv.slice(2)] : []),
].join(" ");

if (isQuick) startQuick();
let failed = 0;
for (const name of values.suite.split(",")) {
  const suite = suites[name];
  if (suite === undefined) throw new Error(`there is no suite ${name}; there are ${Object.keys(suites).join(", ")}`);
  log(`suite ${name}`);
  await runSuite(suite as Suite<unknown>);
}
process.exitCode = failed === 0 ? 0 : 1;

/** A suite that fails does not keep the others from running. */
async function runSuite(suite: Suite<unknown>): Promise<void> {
  try {
    const report = await reportOf(context, suite, { machine, command });
    publish(context, suite, report);
    console.log(`\n### ${suite.name}\n\n${suite.table(report.result)}`);
  } catch (error) {
    failed += 1;
    console.error(`suite ${suite.name} failed:`, error);
  }
}
