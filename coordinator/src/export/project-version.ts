import { readFileSync } from "node:fs";
import { z } from "zod";

let version: string | null = null;

/** Version of this package; read once. */
export function projectVersion(): string {
  version ??= z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))).version;
  return version;
}
