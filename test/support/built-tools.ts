// What `npm run images` has built once from Go modules of others; null where it was not built on this machine yet.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory } from "../../coordinator/src/local/binary-options.ts";

const images = new URL("../../deploy/images/", import.meta.url);

/** The command `nats`. */
export const natsCli = builtTool("nats-cli");
export const natsExporter = builtTool("nats-exporter");

function builtTool(name: string): string | null {
  const version = /Version = "(.*)"/.exec(readFileSync(new URL(`${name}.mjs`, images), "utf8"))?.[1];
  const path = join(cacheDirectory(process.env), `${name}-${version}`);
  return existsSync(path) ? path : null;
}
