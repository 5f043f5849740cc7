// `npm run test:kubernetes`: deploys Hindcast to the cluster in KUBECONFIG, works with it from outside and from inside, scales,
// deletes, rolls, kills, upgrades and breaks it, and judges what is stored. The images (hindcast/*:dev) have to be there, and
// what is in the namespaces `hindcast` and `hindcast-agents` is removed.
//   --only local,keda   parts, in this order; without: all whose needs the cluster has
//   --documents 20      per campaign
//   --previous TAG      of the images of an earlier version, which the part `versions` upgrades
//   --gvisor            the node has gVisor, as the handler `runsc`
//   --publish           writes each part's table to test/KUBERNETES.md
import { option } from "../load/statistics.ts";
import { ResultRows } from "../support/result-rows.ts";
import { removeInstallation } from "./installation.ts";
import { kubectl } from "./kubectl.ts";
import { publish } from "./page.ts";
import { keda } from "./sections/keda.ts";
import { faults } from "./sections/faults.ts";
import { gvisor } from "./sections/gvisor.ts";
import { local } from "./sections/local.ts";
import { operations } from "./sections/operations.ts";
import { production } from "./sections/production.ts";
import { tracing } from "./sections/tracing.ts";
import { versions } from "./sections/versions.ts";

const sections = { local, keda, versions, tracing, faults, operations, gvisor, production };
const documents = option("documents", 20);

function textOption(name: string): string | null {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? null : (process.argv[at + 1] ?? null);
}

const only = textOption("only")?.split(",");
const unknown = only?.find((name) => !Object.hasOwn(sections, name));
if (unknown !== undefined) {
  console.error(`error: --only ${unknown} is not one of ${Object.keys(sections).join(", ")}`);
  process.exit(2);
}
const settings = { documents, previous: textOption("previous"), hasGvisor: process.argv.includes("--gvisor") };
const version = /Server Version: (\S+)/.exec(await kubectl(["version"]))?.[1] ?? "unknown";
for (const [name, section] of Object.entries(sections)) {
  if (only !== undefined && !only.includes(name)) continue;
  const missing = await section.missing(settings);
  console.log(`\n${section.title}${missing === null ? "" : `: left out, ${missing}`}`);
  if (missing !== null) {
    // What was asked for by name has to be there.
    if (only !== undefined) process.exitCode = 1;
    continue;
  }
  const rows = new ResultRows();
  await section.run(rows, settings);
  if (process.argv.includes("--publish")) {
    const day = new Date().toISOString().slice(0, 10);
    publish(section, rows, `${day}, Kubernetes ${version}, ${documents} documents per campaign`);
  }
  if (!rows.areGood) process.exitCode = 1;
}
await removeInstallation();
