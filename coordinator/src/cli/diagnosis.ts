// The checks of `hindcast doctor`. Each looks at the real thing: programs are run, a sandbox is opened, the native core
// is loaded, a port is listened on. Keys are looked for and never shown.
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "@hindcast/shared";
import { selectModels } from "../config/select-models.ts";
import { natsBinaryOptions } from "../local/binary-options.ts";
import { makeDataFolder } from "../local/data-folder.ts";
import { runningCluster } from "../local/local-cluster.ts";
import { findNatsServer } from "../local/nats-binary.ts";
import type { Finding } from "../report/finding.ts";
import { formatBytes } from "../report/format.ts";
import { placesOf } from "../worlds/world-of.ts";
import { redactedKeys } from "./config.ts";
import type { CommandContext } from "./command-context.ts";
import { sandboxEnvironment } from "./session.ts";
import { lacking, listSites } from "./sites.ts";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../../..");
const nodeMajorMin = 24;
const diskBytesMin = 2 * 1024 ** 3;
/** Opening a sandbox takes well under a second; a machine that needs longer than this cannot run episodes. */
const probeTimeoutMs = 30_000;

export async function diagnose(context: CommandContext): Promise<Finding[]> {
  const later = [sites(context), worlds(context)];
  const findings = await Promise.all([
    node(),
    program("cargo", ["--version"], {
      state: "advice",
      remedy: "needed to build, not to run; install Rust from https://rustup.rs",
    }),
    natsServer(context),
    program("bwrap", ["--version"], {
      state: context.loaded.config.sandbox.driver === "container" ? "advice" : "missing",
      remedy: "install the package bubblewrap",
    }),
    sandbox(context),
    otherSandboxes(context),
    nativeCore(),
    program("git", ["--version"], {
      state: "advice",
      remedy: "the default campaign learns git; install the package git",
    }),
    manual(),
    program("pdftotext", ["-v"], { state: "advice", remedy: "only for PDF files that need it; install poppler-utils" }),
    program("openssl", ["version"], {
      state: "advice",
      remedy:
        "libraries of SWE-bench's instances, of made tasks and of packages are fetched through a proxy that it signs for; install the package openssl",
    }),
    program("curl", ["--version"], {
      state: "advice",
      remedy: "only for tasks that are made from packages of PyPI; install the package curl",
    }),
    program("faketime", ["--version"], {
      state: "advice",
      remedy: "only for instances of SWE-bench whose tests dates break; install the package faketime",
    }),
    browser(context),
    keys(context),
    disk(context),
    ports(),
    cluster(context),
  ]);
  return [...findings, ...(await Promise.all(later)).flat()];
}

async function node(): Promise<Finding> {
  const isNew = Number(process.versions.node.split(".")[0]) >= nodeMajorMin;
  const detail = `${process.versions.node}${isNew ? "" : `; ${nodeMajorMin} or newer is needed: run through npm scripts or npx`}`;
  return { what: "node", state: isNew ? "good" : "missing", detail };
}

async function program(
  name: string,
  args: string[],
  otherwise: { state: "advice" | "missing"; remedy: string },
): Promise<Finding> {
  try {
    const { stdout, stderr } = await run(name, args, { timeout: probeTimeoutMs });
    return { what: name, state: "good", detail: (stdout || stderr).trim().split("\n")[0] ?? "" };
  } catch {
    return { what: name, state: otherwise.state, detail: otherwise.remedy };
  }
}

async function natsServer({ env, loaded }: CommandContext): Promise<Finding> {
  const what = "nats-server";
  if (loaded.config.cluster.natsUrl !== null)
    return { what, state: "good", detail: `configured: ${loaded.config.cluster.natsUrl}` };
  try {
    const path = await findNatsServer(natsBinaryOptions(env, () => {}));
    const { stdout } = await run(path, ["--version"], { timeout: probeTimeoutMs });
    return { what, state: "good", detail: `${stdout.trim()} (${path})` };
  } catch (error) {
    return { what, state: "missing", detail: messageOf(error) };
  }
}

/** The agent answers for its sandbox, in a process of its own as always. */
async function sandbox(context: CommandContext): Promise<Finding> {
  const { driver } = context.loaded.config.sandbox;
  const what = driver === "bubblewrap" ? "sandbox" : `sandbox (${driver})`;
  try {
    const { problems, bounds } = await sandboxReport(context);
    if (problems.length > 0) return { what, state: "missing", detail: problems.join(" ") };
    return { what, state: "good", detail: `one was opened, ran a command and was removed; ${bounds}` };
  } catch (error) {
    return { what, state: "missing", detail: `it cannot be opened: ${messageOf(error)}` };
  }
}

/** One for each world of the worlds file, asked by the agent's own program. */
async function worlds({ env }: CommandContext): Promise<Finding[]> {
  const file = env["HINDCAST_WORLDS_FILE"];
  if (file === undefined || file === "") return [];
  try {
    const program = join(root, "rollout-agent/src/doctor-worlds.ts");
    const { stdout } = await run(process.execPath, ["--conditions=source", program], {
      timeout: probeTimeoutMs,
      env: { PATH: env["PATH"], HINDCAST_WORLDS_FILE: resolve(file) },
    });
    const found = JSON.parse(stdout) as { world: string; isWell: boolean; detail: string }[];
    return found.map(({ world, isWell, detail }) => ({
      what: `world ${world}`,
      state: isWell ? "good" : "advice",
      detail,
    }));
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    const why = /^.*Error: (.*)$/m.exec(stderr ?? "")?.[1] ?? messageOf(error);
    return [{ what: "worlds", state: "advice", detail: why }];
  }
}

/** One for each self-hosted site: only who wants to learn there needs it. */
async function sites(context: CommandContext): Promise<Finding[]> {
  try {
    return (await listSites(context, [])).map((listed) => {
      const { site, folder, lacks } = listed;
      const unbuilt = `not built${lacks.length === 0 ? `; hindcast sites build ${site}` : lacking(listed)}`;
      return { what: `site ${site}`, state: lacks.length === 0 ? "good" : "advice", detail: folder ?? unbuilt };
    });
  } catch (error) {
    return [{ what: "sites", state: "advice", detail: messageOf(error) }];
  }
}

/** What the drivers that are not chosen would need. */
async function otherSandboxes(context: CommandContext): Promise<Finding> {
  const what = "other sandboxes";
  try {
    const entries = Object.entries((await sandboxReport(context)).others);
    const detail = entries.map(([driver, lacks]) => `${driver}: ${lacks.length === 0 ? "ready" : lacks.join(" ")}`);
    const isReady = entries.every(([, lacks]) => lacks.length === 0);
    return { what, state: isReady ? "good" : "advice", detail: detail.join(" ") };
  } catch (error) {
    return { what, state: "advice", detail: messageOf(error) };
  }
}

interface SandboxReport {
  problems: string[];
  /** What holds a sandbox to its limits. */
  bounds: string;
  others: Record<string, string[]>;
}

const reports = new WeakMap<CommandContext, Promise<SandboxReport>>();

function sandboxReport(context: CommandContext): Promise<SandboxReport> {
  let report = reports.get(context);
  if (report === undefined) {
    report = run(process.execPath, ["--conditions=source", join(root, "rollout-agent/src/doctor.ts")], {
      timeout: probeTimeoutMs,
      // Only what it reads: it would refuse settings that are the command line's own.
      env: {
        ...Object.fromEntries(["PATH", "HOME", "HINDCAST_GUEST_PATH"].map((name) => [name, context.env[name]])),
        ...sandboxEnvironment(context),
      },
    }).then(({ stdout }) => JSON.parse(stdout) as SandboxReport);
    reports.set(context, report);
  }
  return report;
}

async function nativeCore(): Promise<Finding> {
  const what = "native core";
  const built = readdirSync(join(root, "index-core")).filter((each) => /^native\..*node$/.test(each));
  const name = built.find((each) => each.startsWith(`native.${process.platform}-${process.arch}`));
  if (name === undefined) return { what, state: "missing", detail: "it is not built; run npm run build" };
  try {
    await run(process.execPath, ["-e", `require(${JSON.stringify(join(root, "index-core", name))})`], {
      timeout: probeTimeoutMs,
    });
    return { what, state: "good", detail: `${name} loads` };
  } catch (error) {
    return { what, state: "missing", detail: `${name} cannot be loaded: ${messageOf(error).split("\n")[0]}` };
  }
}

async function manual(): Promise<Finding> {
  const what = "manual pages";
  for (const reader of ["man", "mandoc"]) {
    try {
      const { stdout } = await run(reader, reader === "man" ? ["-w", "git-tag"] : ["-T", "lint", "/dev/null"], {
        timeout: probeTimeoutMs,
      });
      return {
        what,
        state: "good",
        detail: `read through ${reader}${reader === "man" ? `, e.g. ${stdout.trim()}` : ""}`,
      };
    } catch {
      continue;
    }
  }
  return {
    what,
    state: "advice",
    detail: "git's are not read; install man-db (or mandoc) and, where they were left out, git's pages",
  };
}

/** Only campaigns in browsers need it. */
function browser({ env }: CommandContext): Promise<Finding> {
  const what = "browser worlds";
  const { hasChromium, miniWobFolder } = placesOf(env, true);
  const pages =
    miniWobFolder === null ? "HINDCAST_MINIWOB_FOLDER is not set, so no MiniWoB" : `MiniWoB in ${miniWobFolder}`;
  return Promise.resolve(
    hasChromium
      ? { what, state: "good", detail: `Chromium is there; ${pages}` }
      : { what, state: "advice", detail: "only for campaigns in a browser; install the package chromium" },
  );
}

async function keys(context: CommandContext): Promise<Finding> {
  const present = Object.entries(redactedKeys(context.loaded)).flatMap(([name, value]) =>
    value === null ? [] : [name],
  );
  const { policy, judges, why } = selectModels(context.loaded);
  const models = `models: ${[...new Set([policy, ...judges])].join(", ")} (${why})`;
  if (present.length === 0) return { what: "model keys", state: "advice", detail: models };
  return { what: "model keys", state: "good", detail: `${present.join(", ")} set; ${models}` };
}

async function disk({ dataDirectory }: CommandContext): Promise<Finding> {
  const what = "disk";
  try {
    makeDataFolder(dataDirectory);
    const { bavail, bsize } = await statfs(dataDirectory);
    const free = bavail * bsize;
    const detail = `${formatBytes(free)} free in ${dataDirectory}`;
    if (free >= diskBytesMin) return { what, state: "good", detail };
    return {
      what,
      state: "missing",
      detail: `${detail}; ${formatBytes(diskBytesMin)} are needed: free some or use --data`,
    };
  } catch (error) {
    return { what, state: "missing", detail: messageOf(error) };
  }
}

/** Every port is the system's choice, so all that can go wrong is that none can be had. */
async function ports(): Promise<Finding> {
  const what = "loopback ports";
  const server = createServer();
  try {
    await new Promise<void>((done, fail) => server.once("error", fail).listen(0, "127.0.0.1", done));
    return { what, state: "good", detail: "free ones are to be had" };
  } catch (error) {
    return { what, state: "missing", detail: `127.0.0.1 cannot be listened on: ${messageOf(error)}` };
  } finally {
    server.close();
  }
}

async function cluster({ dataDirectory }: CommandContext): Promise<Finding> {
  const file = runningCluster(dataDirectory);
  const detail = file === null ? "none runs here" : `runs at ${file.url} with ${file.processes.length} processes`;
  return { what: "cluster", state: "good", detail };
}
