// OpenEnv's environments of tools (src/openenv/core/env_server/mcp_types.py): an action calls one of the tools that another
// action lists, so each of them is a tool of the world.
import { ToolDescription } from "@hindcast/shared";
import { z } from "zod";
import type { WorldContext } from "./world.ts";

const Listed = z.object({
  tools: z.array(
    z.object({
      name: z.string(),
      description: z.string().default(""),
      input_schema: z.record(z.string(), z.json()).default({}),
    }),
  ),
});

/** What a tool gave, as MCP has it; or whatever else it gave. */
const Called = z.object({
  result: z.unknown(),
  error: z.object({ error_type: z.string().default("error"), message: z.string() }).nullish(),
});
const Given = z.object({
  content: z.array(z.looseObject({ text: z.string().optional() })),
  is_error: z.boolean().default(false),
});

export const listTools = { type: "list_tools" } as const;

export const callTool = (name: string, input: Record<string, unknown>): Record<string, unknown> => ({
  type: "call_tool",
  tool_name: name,
  arguments: input,
});

/** By the schema of its actions. */
export function isOfTools(properties: Record<string, unknown>): boolean {
  return "tool_name" in properties && "arguments" in properties;
}

/** @throws z.ZodError for what is no list */
export function toolsIn(observation: unknown, world: string, { log }: WorldContext): ToolDescription[] {
  return Listed.parse(observation).tools.flatMap(({ name, description, input_schema: inputSchema }) => {
    const described = ToolDescription.safeParse({ name, description, inputSchema: { type: "object", ...inputSchema } });
    if (described.success) return [described.data];
    log.warn({ event: "world.tool.left-out", world, tool: name }, described.error.message);
    return [];
  });
}

/** Null where the observation is not that of a call. */
export function givenIn(observation: unknown): { text: string; isError: boolean } | null {
  const called = Called.safeParse(observation);
  if (!called.success) return null;
  const { result, error } = called.data;
  if (error !== null && error !== undefined) return { text: `${error.error_type}: ${error.message}`, isError: true };
  const given = Given.safeParse(result);
  if (!given.success) {
    return { text: typeof result === "string" ? result : JSON.stringify(result ?? null, null, 1), isError: false };
  }
  const lines = given.data.content.map((part) => part.text ?? JSON.stringify(part));
  return { text: lines.join("\n"), isError: given.data.is_error };
}
