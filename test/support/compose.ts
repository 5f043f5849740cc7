// deploy/compose.yaml as Compose reads it (merge keys applied, variables at their defaults), and what policies ask of it.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { z } from "zod";

export const composeFolder = fileURLToPath(new URL("../../deploy/", import.meta.url));

const Secret = z.looseObject({ source: z.string(), target: z.string() });
const Mount = z.looseObject({
  type: z.enum(["bind", "volume"]),
  source: z.string(),
  target: z.string(),
  read_only: z.boolean().default(false),
});
const Service = z.looseObject({
  image: z.string(),
  user: z.string(),
  read_only: z.boolean(),
  privileged: z.boolean().default(false),
  cap_drop: z.array(z.string()),
  cap_add: z.array(z.string()).default([]),
  security_opt: z.array(z.string()),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  networks: z.array(z.string()),
  secrets: z.array(Secret).default([]),
  volumes: z.array(Mount).default([]),
  depends_on: z.record(z.string(), z.looseObject({ condition: z.string() })).default({}),
  healthcheck: z.looseObject({ test: z.array(z.string()) }).optional(),
  restart: z.string(),
  stop_grace_period: z.string().optional(),
  build: z.looseObject({ dockerfile: z.string(), args: z.record(z.string(), z.string()) }).optional(),
  deploy: z.looseObject({
    resources: z.looseObject({ limits: z.looseObject({ cpus: z.string(), memory: z.string(), pids: z.int() }) }),
  }),
});
export type Service = z.infer<typeof Service>;

const File = z.looseObject({
  services: z.record(z.string(), Service),
  secrets: z.record(z.string(), z.looseObject({ file: z.string() })),
  volumes: z.record(z.string(), z.unknown()),
  networks: z.record(z.string(), z.unknown()),
});

/** Without the schema of policies: for Compose's own. */
export function composeDocument(): Record<string, unknown> {
  const text = readFileSync(`${composeFolder}compose.yaml`, "utf8");
  // `${NAME:-default}`
  const withDefaults = text.replaceAll(/\$\{\w+:-([^}]*)\}/g, "$1");
  return z.record(z.string(), z.unknown()).parse(parse(withDefaults, { merge: true }));
}

export function composeFile(): z.infer<typeof File> {
  return File.parse(composeDocument());
}
