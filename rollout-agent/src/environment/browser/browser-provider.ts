import { BrowserSpec, HindcastError, messageOf } from "@hindcast/shared";
import { nameInCluster } from "../../sandbox/sandbox-name.ts";
import type { EnvironmentProvider } from "../environment.ts";
import { BrowserEnvironment, type BrowserEvaluator, unsupported } from "./browser-environment.ts";
import { BrowserProcess } from "./browser-process.ts";
import { type BrowserPrograms, findChromium, missingPrograms } from "./browser-sandbox.ts";

export interface BrowserSettings {
  /** The browser's program; null finds Debian's Chromium or Chrome. */
  chromiumPath: string | null;
  guestPath: string;
  /** @default "/usr/bin/bwrap" */
  bwrapPath?: string;
  /** The `html` folder of the Python package `miniwob`; null: no MiniWoB here. */
  miniWobFolder: string | null;
  /** Whose browsers they are (`clusterOf`), as the command lines of their processes say. @default nobody's */
  cluster?: string;
  /** Judges of benchmarks, asked in turn. */
  evaluators?: readonly BrowserEvaluator[];
}

/** What is started to see whether browsers can be. */
const probe = {
  name: "probe",
  spec: BrowserSpec.parse({ kind: "browser", start: { kind: "pages", urls: ["http://probe.invalid/"] } }),
  limits: { memoryBytesMax: 2 ** 29, diskBytesMax: 2 ** 26, processesMax: 256 },
  storageState: null,
};

export function createBrowserProvider(settings: BrowserSettings): EnvironmentProvider {
  const { chromiumPath, guestPath, bwrapPath = "/usr/bin/bwrap", miniWobFolder, cluster, evaluators = [] } = settings;
  // Looked at anew for each browser: what is missing may be installed meanwhile.
  const missing = (): string[] => missingPrograms(chromiumPath, { bwrapPath, guestPath });
  const programs = (): BrowserPrograms => {
    const problems = missing();
    if (problems.length > 0) throw unavailable(problems.join(" "));
    return { chromiumPath: findChromium(chromiumPath) ?? "", guestPath, bwrapPath };
  };
  return {
    kind: "browser",
    problems: async () => {
      try {
        await using _ = await BrowserProcess.start({ ...probe, programs: programs(), miniWobFolder });
        return [];
      } catch (error) {
        return [messageOf(error)];
      }
    },
    create: (options) => {
      if (options.spec.kind !== "browser") throw unsupported(`a world of kind "${options.spec.kind}"`);
      const name = cluster === undefined ? options.id : nameInCluster(options.id, cluster);
      return new BrowserEnvironment({ ...options, spec: options.spec, name, programs, miniWobFolder, evaluators });
    },
  };
}

function unavailable(message: string): HindcastError {
  return new HindcastError({ code: "SANDBOX_UNAVAILABLE", boundary: "sandbox", message });
}
