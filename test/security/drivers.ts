// The drivers that the suite knows, by name.
import type { SandboxProvider } from "../../rollout-agent/src/sandbox/sandbox.ts";
import { createSandboxProvider, type GivenSandboxes } from "../support/given-sandboxes.ts";
import { prepareSandboxes } from "../support/sandbox-setup.ts";

export interface Driver extends AsyncDisposable {
  provider: SandboxProvider;
  /** What was prepared for it; null for bubblewrap, which needs nothing. */
  given: GivenSandboxes | null;
  /** Why it cannot be started here. */
  problems: string[];
}

/** The same sandboxes that the conformance suite opens. */
export const drivers: Record<string, () => Promise<Driver>> = {
  bubblewrap,
  container: () => prepared("container"),
  gvisor: () => prepared("gvisor"),
  vm: () => prepared("vm"),
  // Of the cluster in KUBECONFIG, whose one node is this machine, with HINDCAST_TEST_LOAD_IMAGE as for `npm run test:pods`.
  kubernetes: () => prepared("kubernetes"),
};

/** Drivers that are started only where they are asked for by name: a cluster may be somebody's. */
export const onRequest: ReadonlySet<string> = new Set(["kubernetes"]);

async function bubblewrap(): Promise<Driver> {
  const provider = createSandboxProvider(undefined);
  return { provider, given: null, problems: await provider.problems(), [Symbol.asyncDispose]: () => Promise.resolve() };
}

async function prepared(driver: GivenSandboxes["driver"]): Promise<Driver> {
  if (driver === "kubernetes") process.env["HINDCAST_TEST_KUBERNETES"] = "1";
  const { given, teardown } = await prepareSandboxes(driver);
  const provider = createSandboxProvider(given);
  const problems = given.reason === null ? await provider.problems() : [given.reason];
  return { provider, given, problems, [Symbol.asyncDispose]: teardown };
}
