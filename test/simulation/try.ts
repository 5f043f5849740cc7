import { simulate } from "./simulate.ts";
const [from = 1, to = 20, trace = ""] = process.argv.slice(2).map((x) => isNaN(Number(x)) ? x : Number(x));
const base0 = await simulate({ seed: 0, isUndisturbed: true });
void base0;
const base = await simulate({ seed: 0, isUndisturbed: true });
console.log("undisturbed", base.demonstrations.length, base.virtualMs.toFixed(0), base.purchases, base.violations);
for (let seed = Number(from); seed <= Number(to); seed++) {
  const t0 = performance.now();
  const r = await simulate({ seed, expected: base.demonstrations, isTraced: trace === "trace" });
  console.log(seed, r.digest, r.tasks, r.purchases, (r.virtualMs / 1000).toFixed(0) + "s", r.events, (performance.now() - t0).toFixed(0) + "ms", JSON.stringify(r.faults), r.violations.length, r.violations.slice(0, 6));
  if (trace === "trace") (await import("node:fs")).writeFileSync("/tmp/sim-trace", r.trace.join("\n"));
}
