// Installs the engines that we are compared with into `.hindcast/bench`, once; they are no dependencies of the project.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { benchFolder, workFolder } from "../harness/places.ts";
import { run } from "../harness/processes.ts";

/** Where an installed peer lies, or why there is none. */
export type Peer = { path: string; reason: null } | { path: null; reason: string };

export interface Peers {
  /** The interpreter of a virtual environment with requirements.txt. */
  python: Peer;
  /** A folder whose node_modules holds `nodePackages`. */
  node: Peer;
}

const nodePackages: Record<string, string> = {
  "@lancedb/lancedb": "0.39.0",
  "apache-arrow": "18.1.0",
  "hnswlib-node": "3.0.0",
  usearch: "2.26.2",
};

/** A quick run installs nothing: it takes what an earlier run has left. */
export async function preparePeers(mayInstall: boolean): Promise<Peers> {
  mkdirSync(workFolder, { recursive: true });
  const requirements = join(benchFolder, "python", "requirements.txt");
  const python = join(workFolder, "python");
  const node = join(workFolder, "node");
  return {
    python: await prepared(mayInstall, {
      folder: python,
      path: join(python, "bin", "python"),
      wanted: readFileSync(requirements, "utf8"),
      commands: [
        ["python3", ["-m", "venv", python]],
        [join(python, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", "-r", requirements]],
      ],
    }),
    node: await prepared(mayInstall, {
      folder: node,
      path: node,
      wanted: JSON.stringify(nodePackages),
      commands: [["npm", ["install", "--no-audit", "--no-fund", "--save-exact", "--prefix", node, ...nodeArguments()]]],
    }),
  };
}

const nodeArguments = (): string[] => Object.entries(nodePackages).map(([name, version]) => `${name}@${version}`);

interface Preparation {
  folder: string;
  path: string;
  /** What the stamp of an installed one says. */
  wanted: string;
  commands: [string, string[]][];
}

async function prepared(mayInstall: boolean, { folder, path, wanted, commands }: Preparation): Promise<Peer> {
  const stamp = join(folder, "installed.txt");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return { path, reason: null };
  if (!mayInstall) return { path: null, reason: "not installed: a quick run installs nothing" };
  mkdirSync(folder, { recursive: true });
  // So that npm takes this folder for a project of its own.
  if (folder.endsWith("node")) writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  for (const [command, args] of commands) {
    try {
      const { code, output, complaints } = await run(command, args, folder);
      if (code !== 0) return { path: null, reason: `not installed: ${firstLine(complaints || output)}` };
    } catch (error) {
      return { path: null, reason: `not installed: ${String(error)}` };
    }
  }
  writeFileSync(stamp, wanted);
  return { path, reason: null };
}

const firstLine = (text: string): string => text.trim().split("\n").at(-1)?.slice(0, 200) ?? "";
