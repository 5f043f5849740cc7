// Which worlds this agent knows, by name: a file of the machine's operator, never a task, says what is started or
// called. Secrets stand in files of their own; what a configuration holds itself may be printed.
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ExternalSpec, HindcastError, messageOf } from "@hindcast/shared";
import { z } from "zod";

/** A value, or a file whose content is the value. */
const Value = z.union([z.string(), z.strictObject({ file: z.string().min(1) })]);
const Values = z.record(z.string().min(1), Value).default({});

/** A program on this machine. It gets these variables and PATH, and nothing else of the agent's environment. */
const program = {
  command: z.tuple([z.string().min(1)], z.string()),
  /** Where it runs; relative to the file. */
  folder: z.string().min(1).default("."),
  environment: Values,
};
const service = { url: z.url({ protocol: /^https?$/ }), headers: Values };

/** Of all kinds: the tools that agents may use; absent: all of them. */
const chosen = { tools: z.array(z.string()).min(1).optional() };

const ProcessWorld = z.strictObject({ kind: z.literal("process"), ...program, ...chosen });
const HttpWorld = z.strictObject({ kind: z.literal("http"), ...service, ...chosen });

/** An MCP server, as a program or at an address (streamable HTTP). */
const mcp = {
  kind: z.literal("mcp"),
  ...chosen,
  /** A tool that sets up the start state with the task's parameters; agents do not see it. */
  resetTool: z.string().nullable().default(null),
  /** Equal calls in equal states give equal answers. */
  deterministic: z.boolean().default(false),
};
const McpWorld = z.union([z.strictObject({ ...mcp, ...program }), z.strictObject({ ...mcp, ...service })]);

const AgentGymWorld = z.strictObject({
  kind: z.literal("agent-gym"),
  ...service,
  /** How its actions are written: AgentGym's services do not say. */
  description: z.string().min(1),
  /** Key by which the service names an environment; null: "id" where `create` answers with one, else "env_idx". */
  idKey: z.enum(["id", "env_idx"]).nullable().default(null),
  /** Key of `reset` for the number of the task, which is the parameter `index`, or else the seed. */
  indexKey: z.string().min(1).default("data_idx"),
  /** The score (or reward) of full success: most services give 1, SciWorld's 100. */
  scoreMax: z.number().positive().default(1),
  /** What `create` is sent. */
  create: z.record(z.string(), z.json()).default({}),
});

const OpenEnvWorld = z.strictObject({
  kind: z.literal("open-env"),
  ...service,
  ...chosen,
  /** Newer services keep nothing between two HTTP requests: sessions are WebSockets there. */
  transport: z.enum(["websocket", "http"]).default("websocket"),
});

export const WorldConfiguration = z.union([ProcessWorld, HttpWorld, McpWorld, AgentGymWorld, OpenEnvWorld]);
export type WorldConfiguration = z.infer<typeof WorldConfiguration>;

const WorldsFile = z.strictObject({ worlds: z.record(ExternalSpec.shape.world, WorldConfiguration) });

export interface ConfiguredWorlds {
  /** Of the file: relative paths start here. */
  folder: string;
  worlds: ReadonlyMap<string, WorldConfiguration>;
}

export const noWorlds: ConfiguredWorlds = { folder: "/", worlds: new Map() };

/** @throws CONFIG_INVALID naming the file, the key and what was expected */
export function readWorldsFile(path: string): ConfiguredWorlds {
  try {
    const { worlds } = WorldsFile.parse(JSON.parse(readFileSync(path, "utf8")));
    return { folder: dirname(resolve(path)), worlds: new Map(Object.entries(worlds)) };
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw invalid(`the worlds file ${path} cannot be used: ${why}`, error);
  }
}

/** Values with the contents of their files. @throws CONFIG_INVALID for a file that cannot be read */
export function resolvedValues(values: z.infer<typeof Values>, folder: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      if (typeof value === "string") return [name, value];
      try {
        return [name, readFileSync(resolve(folder, value.file), "utf8").trim()];
      } catch (error) {
        throw invalid(`the file of ${name} cannot be read: ${messageOf(error)}`, error);
      }
    }),
  );
}

function invalid(message: string, cause: unknown): HindcastError {
  return new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message, cause });
}
