// Run by `hindcast doctor`: each world of the worlds file is opened and asked what it is. A JSON array on standard output.
import { messageOf } from "@hindcast/shared";
import { readConfig, workerVariables } from "@hindcast/shared/node";
import { openWorld } from "./environment/plug-in/open-world.ts";
import { type ConfiguredWorlds, noWorlds, readWorldsFile } from "./environment/plug-in/world-configuration.ts";

/** What `hindcast doctor` says of a world. */
interface WorldFinding {
  world: string;
  isWell: boolean;
  detail: string;
}

const silence = { debug: () => undefined, warn: () => undefined };
const { worldsFile } = readConfig({ worldsFile: workerVariables.worldsFile });
const configured = worldsFile === null ? noWorlds : readWorldsFile(worldsFile);

async function examine(worlds: ConfiguredWorlds, world: string): Promise<WorldFinding> {
  const context = { session: `doctor-${process.pid}`, stepTimeMs: 10_000, log: silence };
  try {
    const opened = await openWorld(worlds, world, context, AbortSignal.timeout(20_000));
    const { name, tools } = opened.description;
    await opened.close();
    return { world, isWell: true, detail: `${name}; tools: ${tools.map((tool) => tool.name).join(", ")}` };
  } catch (error) {
    return { world, isWell: false, detail: messageOf(error) };
  }
}

const findings = await Promise.all([...configured.worlds.keys()].map((world) => examine(configured, world)));
process.stdout.write(`${JSON.stringify(findings)}\n`);
process.exit();
