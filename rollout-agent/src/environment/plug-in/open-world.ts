import { resolve } from "node:path";
import { AgentGymWorld } from "./agent-gym-world.ts";
import { HttpExchange } from "./http-exchange.ts";
import type { StartedProgram } from "./line-process.ts";
import { OpenEnvWorld } from "./open-env-world.ts";
import { preferBuiltPackages } from "./prefer-built-packages.ts";
import { ProcessExchange } from "./process-exchange.ts";
import { ProtocolWorld } from "./protocol-world.ts";
import { type ConfiguredWorlds, resolvedValues, type WorldConfiguration } from "./world-configuration.ts";
import type { World, WorldContext } from "./world.ts";
import { worldUnavailable } from "./world-faults.ts";

/** A session of the world `name`, as this agent's configuration has it. */
export async function openWorld(
  { worlds, folder }: ConfiguredWorlds,
  name: string,
  context: WorldContext,
  signal: AbortSignal,
): Promise<World> {
  const configuration = worlds.get(name);
  if (configuration === undefined) {
    const known = worlds.size === 0 ? "no world at all" : [...worlds.keys()].join(", ");
    throw worldUnavailable(name, `this agent's worlds file (HINDCAST_WORLDS_FILE) has ${known}`);
  }
  const world = await opened(name, configuration, { folder, context, signal });
  return configuration.kind === "agent-gym" ? world : withTools(world, configuration.tools);
}

async function opened(
  name: string,
  configuration: WorldConfiguration,
  { folder, context, signal }: { folder: string; context: WorldContext; signal: AbortSignal },
): Promise<World> {
  const service = (at: { url: string; headers: Parameters<typeof resolvedValues>[0] }) => ({
    url: at.url,
    headers: resolvedValues(at.headers, folder),
  });
  switch (configuration.kind) {
    case "process": {
      const exchange = new ProcessExchange(name, startedAs(configuration, folder), context);
      return await ProtocolWorld.open(name, exchange, context, signal);
    }
    case "http": {
      const exchange = new HttpExchange(name, service(configuration), context.session);
      return await ProtocolWorld.open(name, exchange, context, signal);
    }
    case "mcp": {
      const { resetTool, deterministic } = configuration;
      preferBuiltPackages();
      const { McpWorld } = await import("./mcp-world.ts");
      const server = "url" in configuration ? service(configuration) : startedAs(configuration, folder);
      return await McpWorld.open(name, { server, resetTool, isDeterministic: deterministic }, context, signal);
    }
    case "agent-gym":
      return await AgentGymWorld.open(name, { ...configuration, ...service(configuration) }, context, signal);
    case "open-env":
      return await OpenEnvWorld.open(name, { ...configuration, ...service(configuration) }, context, signal);
  }
}

function startedAs(program: Extract<WorldConfiguration, { command: unknown }>, folder: string): StartedProgram {
  return {
    command: program.command,
    folder: resolve(folder, program.folder),
    environment: resolvedValues(program.environment, folder),
  };
}

/** Shows only the chosen tools, also of those that the world gets later. */
function withTools(world: World, names: readonly string[] | undefined): World {
  if (names === undefined) return world;
  const chosen = <T extends { name: string }>(tools: readonly T[]): T[] =>
    tools.filter(({ name }) => names.includes(name));
  const state = async (reached: ReturnType<World["step"]>): ReturnType<World["step"]> => {
    const { tools, ...rest } = await reached;
    return { ...rest, tools: tools === null ? null : chosen(tools) };
  };
  return {
    description: { ...world.description, tools: chosen(world.description.tools) },
    reset: (start, signal) => state(world.reset(start, signal)),
    step: (call, signal) => state(world.step(call, signal)),
    restore: (snapshot, signal) => state(world.restore(snapshot, signal)),
    snapshot: (signal) => world.snapshot(signal),
    evaluate: (request, signal) => world.evaluate(request, signal),
    close: () => world.close(),
  };
}
