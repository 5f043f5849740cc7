import { defineConfig } from "vitest/config";

const conditions = ["source", "node", "import", "default"];
const project = (name: string, include: string[], testTimeout: number, extra: object = {}): object => ({
  root: new URL("..", import.meta.url).pathname,
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  // What is polled for comes at once on an idle machine; the default of a second is too short for a busy one.
  test: { name, include, testTimeout, hookTimeout: 120_000, expect: { poll: { timeout: 15_000 } }, ...extra },
});

const everySuite = ["contract", "egress", "isolation", "limits", "orphans", "session", "state", "terminal"];
const isEverything = process.env.HINDCAST_TEST_EVERY_DRIVER === "1";
const suitesOfDrivers = {
  container: [...everySuite, "fetching", "images"],
  gvisor: isEverything ? everySuite : ["contract"],
  vm: isEverything ? [...everySuite, "fetching"] : ["contract", "egress", "orphans", "terminal"],
  // In the cluster of KUBECONFIG, by `npm run test:pods`; else skipped, which says why.
  kubernetes: process.env.HINDCAST_TEST_KUBERNETES === "1" ? [...everySuite, "pods"] : ["pods", "orphans"],
};
const filesOf = (suites: string[]): string[] => suites.map((suite) => `test/conformance/sandbox-${suite}.test.ts`);

// Unit tests run beside each other; the others start servers, browsers or sandboxes and share two cores.
export default defineConfig({
  test: {
    // The default leaves one processor idle, which is half of a small machine; most tests wait for servers.
    maxWorkers: "100%",
    projects: [
      project(
        "unit",
        [
          "shared/src/**/*.test.ts",
          "index-core/ts/**/*.test.ts",
          "rollout-agent/src/**/*.test.ts",
          "coordinator/src/**/*.test.ts",
          "test/coverage.test.ts",
          "test/pins/**/*.test.ts",
        ],
        20_000,
      ),
      project("conformance", ["test/conformance/**/*.test.ts"], 60_000, {
        exclude: ["test/conformance/sandbox-{images,pods}.test.ts"],
      }),
      // The same contract for every driver of sandboxes that this machine can start. Without KVM a machine's processor is
      // emulated: there the whole suite takes a quarter of an hour, and is run on request.
      ...Object.entries(suitesOfDrivers).map(([driver, suites]) =>
        project(`sandboxes-${driver}`, filesOf(suites), 300_000, {
          env: { HINDCAST_TEST_SANDBOX: driver },
          globalSetup: new URL("./support/sandbox-setup.ts", import.meta.url).pathname,
          hookTimeout: 600_000,
        }),
      ),
      // The simulator's server must be what the real one is: the same tests of the bus, again, against it.
      project(
        "simulated-bus",
        ["test/integration/bus-{dead-letters,leases,lost-answers,results,stores,tasks}.test.ts"],
        60_000,
        {
          env: { HINDCAST_TEST_BUS: "simulated" },
        },
      ),
      project("integration", ["test/integration/**/*.test.ts"], 60_000),
      project("system", ["test/system/**/*.test.ts"], 300_000, {
        exclude: ["test/system/sandbox-leaks.test.ts"],
        sequence: { groupOrder: 1 },
      }),
      // It counts every sandbox of the machine.
      project("system-alone", ["test/system/sandbox-leaks.test.ts"], 300_000, { sequence: { groupOrder: 2 } }),
    ],
  },
});
