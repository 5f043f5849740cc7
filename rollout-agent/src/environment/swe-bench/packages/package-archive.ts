// A package's archive, from its registry or a file, compared with the digest that the registry gives.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { HindcastError, messageOf } from "@hindcast/shared";
import type { PackageSource } from "@hindcast/shared/node";
import type { SandboxProvider } from "../../../sandbox/sandbox.ts";
import { archiveBytesMax, readBounded } from "./archive-files.ts";
import { unavailable } from "../errors.ts";
import { fetchFromNpm } from "./npm-archive.ts";
import { fetchFromPyPi } from "./pypi-archive.ts";

interface FetchedArchive {
  bytes: Buffer;
  /** As the registry gives it. */
  digest: { algorithm: string; hex: string };
}

/** @throws ENVIRONMENT_UNAVAILABLE naming what the registry does not have */
export type FetchArchive = (
  wanted: { name: string; version: string },
  at: {
    /** Makes an empty folder and tells where. */
    folder: (name: string) => string;
    sandboxes: SandboxProvider;
  },
  signal: AbortSignal,
) => Promise<FetchedArchive>;

const registries = { pypi: fetchFromPyPi, npm: fetchFromNpm };

/**
 * @param scratch a folder that is there, for what is fetched
 * @throws HindcastError naming what is not there, cannot be reached, or is not what the registry says it is
 */
export async function fetchArchive(
  source: PackageSource,
  { scratch, sandboxes }: { scratch: string; sandboxes: SandboxProvider },
  signal: AbortSignal,
): Promise<Buffer> {
  if (source.registry === "file")
    return readBounded(existsSync(source.path) ? realpathSync(source.path) : source.path, archiveBytesMax);
  const { registry, name, version } = source;
  const folder = (part: string): string => {
    const path = join(scratch, part);
    mkdirSync(path, { recursive: true });
    return path;
  };
  try {
    const { bytes, digest } = await registries[registry]({ name, version }, { folder, sandboxes }, signal);
    checkDigest(bytes, digest, `${registry}:${name}@${version}`);
    return bytes;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HindcastError) throw error;
    throw unavailable(`${registry}:${name}@${version} could not be fetched: ${messageOf(error)}`, error);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** @throws ENVIRONMENT_SETUP_FAILED where the archive is another */
export function checkDigest(bytes: Buffer, { algorithm, hex }: FetchedArchive["digest"], name: string): void {
  const own = createHash(algorithm).update(bytes).digest("hex");
  if (own === hex) return;
  throw new HindcastError({
    code: "ENVIRONMENT_SETUP_FAILED",
    boundary: "environment",
    message: `what was fetched as ${name} has ${algorithm} ${own}, and its registry says ${hex}: none of it was kept`,
  });
}
