// A tarball from npm's registry, fetched by npm, which runs no script of a package that it only packs.
import { join } from "node:path";
import type { HindcastError } from "@hindcast/shared";
import { z } from "zod";
import { unavailable } from "../errors.ts";
import { FetchFailed, fetchedFolder, fetchedInside, fetchInside } from "../fetch-inside.ts";
import { hostSettings } from "../registries/host-settings.ts";
import { npmRegistries } from "../registries/npm-registries.ts";
import { archiveBytesMax, readBounded } from "./archive-files.ts";
import type { FetchArchive } from "./package-archive.ts";

const Dist = z.looseObject({ integrity: z.string().optional() });

export const fetchFromNpm: FetchArchive = async ({ name, version }, { folder, sandboxes }, signal) => {
  const client = await npmRegistries(await hostSettings(signal), signal);
  const place = folder("archive");
  const wanted = `'${name}@${version}'`;
  const script = `cd ${fetchedInside}
npm view ${wanted} dist --json > dist.json
[[ ! -s dist.json ]] || npm pack ${wanted} --ignore-scripts --silent > /dev/null
[[ ! -s dist.json ]] || mv *.tgz archive`;
  const noVersion = (): HindcastError =>
    unavailable(
      `npm's registry has no version ${version} of ${name}: "npm view ${name} versions" lists those that it has`,
    );
  try {
    await fetchInside({ client, mounts: [], script }, place, sandboxes, signal);
  } catch (error) {
    if (!(error instanceof FetchFailed) || !/\bE404\b/.test(error.output)) throw error;
    if (error.output.includes("No match found for version")) throw noVersion();
    throw unavailable(`no package "${name}" is in npm's registry: look at its name's spelling`);
  }
  const read = (file: string): Buffer => readBounded(join(place, fetchedFolder, file), archiveBytesMax);
  const dist = read("dist.json").toString("utf8");
  // Older versions of npm say nothing at all.
  if (dist.trim() === "") throw noVersion();
  const { integrity = "" } = Dist.parse(JSON.parse(dist));
  const [, algorithm, base64 = ""] = /\b(sha(?:256|384|512))-([A-Za-z0-9+/]+={0,2})/.exec(integrity) ?? [];
  if (algorithm === undefined) {
    throw unavailable(`npm's registry gives no digest of ${name} ${version} beyond SHA-1, so nothing can be compared`);
  }
  return { bytes: read("archive"), digest: { algorithm, hex: Buffer.from(base64, "base64").toString("hex") } };
};
