// task.toml of a Harbor task (schema 1.x, https://harborframework.com/docs/tasks): the keys that decide whether and how
// a task runs. Others are passed over, as Harbor's own readers pass them over.
import { parse, stringify } from "smol-toml";
import { z } from "zod";
import { HindcastError, messageOf } from "../../../errors.ts";

const seconds = z.number().positive();
/** Earlier files have "512M" or "2G" where later ones have a number of MiB. */
const Size = z
  .string()
  .regex(/^\s*\d+(\.\d+)?[GMK]\s*$/i, "must be like 2G or 512M")
  .transform((text) => Number.parseFloat(text) * { G: 1_024, M: 1, K: 1 / 1_024 }[unitOf(text)]);
const Network = z.enum(["no-network", "public", "allowlist"]).nullish();
const Variables = z.record(z.string(), z.string()).default({});

export const HarborConfig = z.object({
  /** "1.0" to "1.4" so far; earlier files call it `version`. */
  schema_version: z.string().optional(),
  version: z.string().optional(),
  metadata: z.record(z.string(), z.unknown()).default({}),
  agent: z
    .object({
      timeout_sec: seconds.nullish(),
      user: z.union([z.string(), z.number()]).nullish(),
      network_mode: Network,
    })
    .prefault({}),
  verifier: z
    .object({
      timeout_sec: seconds.default(600),
      env: Variables,
      user: z.union([z.string(), z.number()]).nullish(),
      environment_mode: z.string().nullish(),
      /** An image of its own. */
      environment: z.unknown().optional(),
      collect: z.array(z.unknown()).nullish(),
    })
    .prefault({}),
  environment: z
    .object({
      docker_image: z.string().nullish(),
      os: z.string().toLowerCase().default("linux"),
      workdir: z.string().nullish(),
      memory_mb: z.number().positive().nullish(),
      storage_mb: z.number().positive().nullish(),
      memory: Size.nullish(),
      storage: Size.nullish(),
      gpus: z.number().nonnegative().nullish(),
      tpu: z.unknown().optional(),
      network_mode: Network,
      allowed_hosts: z.array(z.string()).nullish(),
      env: Variables,
      mcp_servers: z.array(z.unknown()).default([]),
      healthcheck: z.unknown().optional(),
    })
    .prefault({}),
  solution: z.object({ env: Variables }).prefault({}),
  steps: z.array(z.unknown()).default([]),
});
export type HarborConfig = z.infer<typeof HarborConfig>;

function unitOf(size: string): "G" | "M" | "K" {
  const unit = size.trim().slice(-1).toUpperCase();
  return unit === "G" || unit === "M" ? unit : "K";
}

/** @throws PROTOCOL_INVALID for what is no TOML or no task, PROTOCOL_UNKNOWN_VERSION for another schema than 1.x */
export function parseHarborConfig(text: string): HarborConfig {
  let config: HarborConfig;
  try {
    config = HarborConfig.parse(parse(text));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw invalid("PROTOCOL_INVALID", `task.toml cannot be read: ${why}`, error);
  }
  const version = config.schema_version ?? config.version ?? "1.0";
  if (/^1(\.\d+)*$/.test(version)) return config;
  throw invalid("PROTOCOL_UNKNOWN_VERSION", `task.toml has the schema version ${version}, and 1.x is known`);
}

/** The text of a task.toml that `parseHarborConfig` and Harbor read. */
export function formatHarborConfig(config: Record<string, unknown>): string {
  return `${stringify(config).trimEnd()}\n`;
}

function invalid(
  code: "PROTOCOL_INVALID" | "PROTOCOL_UNKNOWN_VERSION",
  message: string,
  cause?: unknown,
): HindcastError {
  return new HindcastError({ code, boundary: "protocol", message, cause });
}
