// `npm start`, `npm test` and their kin on a fresh clone: makes ready what is missing (packages, native parts, broker),
// then runs the rest under the pinned Node. Plain JavaScript for Node ≥ 20 without dependencies, because nothing is
// installed yet when it begins.
import { runBenchmarks } from "./benchmarks.mjs";
import { runChecks } from "./checks.mjs";
import { prepare } from "./prepare.mjs";
import { runInForeground } from "./processes.mjs";
import { countsLine, runTests } from "./tests.mjs";

const [verb = "", ...rest] = process.argv.slice(2);

const verbs = {
  /** A cluster on this machine and the default campaign. */
  start: async () => {
    await prepare({ native: true, broker: true, sandbox: true });
    return runInForeground(["coordinator/src/cli/main.ts", "run", ...rest]);
  },
  /** Every test, of TypeScript and Rust; arguments go to vitest. */
  test: async () => {
    await prepare({ native: true, broker: true, sandbox: true });
    const counts = await runTests(rest);
    console.log(countsLine(counts));
    return counts.failed === 0 ? 0 : 1;
  },
  /** Format, lint, types, unused code, Rust: everything but the tests. Exits with the number of failed checks. */
  check: async () => {
    await prepare({ native: true, broker: false, sandbox: false });
    return runChecks();
  },
  /** What CI runs: the checks and the tests. */
  verify: async () => {
    await prepare({ native: true, broker: true, sandbox: true });
    const failedChecks = await runChecks();
    const counts = await runTests(rest);
    counts.failed += failedChecks;
    console.log(countsLine(counts));
    return counts.failed === 0 ? 0 : 1;
  },
  build: async () => {
    await prepare({ native: true, broker: false, sandbox: false });
    return runInForeground(["node_modules/typescript/bin/tsc", "-b"]);
  },
  bench: async () => {
    if (!rest.includes("--help")) await prepare({ native: true, broker: true, sandbox: true });
    return runBenchmarks(rest);
  },
  /** Simulated campaigns under seeded faults; the options are the program's own. */
  sim: async () => {
    await prepare({ native: false, broker: false, sandbox: false });
    return runInForeground(["test/simulation/main.ts", ...rest]);
  },
  /** Real processes and servers under random kills and faults; the options are the program's own. */
  chaos: async () => {
    await prepare({ native: true, broker: true, sandbox: true });
    return runInForeground(["test/chaos/main.ts", ...rest]);
  },
  /** The overlay `local` in the cluster that KUBECONFIG names: deployed, worked with, scaled, harmed and judged. */
  kubernetes: async () => {
    await prepare({ native: false, broker: false, sandbox: false });
    return runInForeground(["test/kubernetes/main.ts", ...rest]);
  },
  /** The contract of sandboxes, and what is a pod's own, in the cluster that KUBECONFIG names; arguments go to vitest. */
  pods: async () => {
    await prepare({ native: true, broker: false, sandbox: false });
    process.env.HINDCAST_TEST_KUBERNETES = "1";
    const config = ["run", "--config", "test/vitest.config.ts", "--project", "sandboxes-kubernetes"];
    return runInForeground(["node_modules/vitest/vitest.mjs", ...config, ...rest]);
  },
  /** The built images under a Docker engine: NATS alone, then all of compose.yaml, worked with, killed and judged. */
  containers: async () => {
    await prepare({ native: false, broker: false, sandbox: false });
    return runInForeground(["test/containers/main.ts", ...rest]);
  },
  /** Self-hosted sites: built, every task tried, and the tests that play them; arguments are names of sites. */
  sites: async () => {
    await prepare({ native: true, broker: true, sandbox: true });
    const cli = ["coordinator/src/cli/main.ts", "sites"];
    const tests = ["node_modules/vitest/vitest.mjs", "run", "--config", "test/vitest.config.ts", "integration/sites"];
    for (const step of [[...cli, "build", ...rest], [...cli, "verify", ...rest], tests]) {
      const exit = await runInForeground(step);
      if (exit !== 0) return exit;
    }
    return 0;
  },
  /** Hostile probes against the sandboxes of every driver; the options are the program's own. */
  security: async () => {
    await prepare({ native: true, broker: true, sandbox: true });
    return runInForeground(["test/security/main.ts", ...rest]);
  },
};

if (!Object.hasOwn(verbs, verb)) {
  console.error(`usage: node deploy/local/bootstrap.mjs ${Object.keys(verbs).join("|")} [arguments]`);
  process.exit(2);
}
try {
  process.exitCode = await verbs[verb]();
} catch (error) {
  console.error(`\nerror: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
