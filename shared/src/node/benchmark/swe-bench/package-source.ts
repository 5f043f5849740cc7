// A package's archive, which tasks are made from where no clone is at hand: PyPI's source distribution, npm's tarball, or a
// file of such a kind.
import { basename } from "node:path";
import { z } from "zod";
import { HindcastError } from "../../../errors.ts";

export const PackageSource = z.discriminatedUnion("registry", [
  z.strictObject({
    kind: z.literal("package"),
    registry: z.literal("pypi"),
    name: z.string().regex(/^[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?$/),
    version: z.string().regex(/^\d[A-Za-z0-9.!+_-]*$/),
  }),
  z.strictObject({
    kind: z.literal("package"),
    registry: z.literal("npm"),
    name: z.string().regex(/^(@[a-z0-9~-][\w.~-]*\/)?[A-Za-z0-9~-][\w.~-]*$/),
    version: z.string().regex(/^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$/),
  }),
  z.strictObject({
    kind: z.literal("package"),
    /** None: a file of this machine's. */
    registry: z.literal("file"),
    path: z.string().min(1),
  }),
]);
export type PackageSource = z.infer<typeof PackageSource>;

/** What an archive of `--package` may end with; the rest of its name is name and version. */
const archiveName = /^(?<name>[A-Za-z0-9][\w.-]*?)(-(?<version>\d[\w.!+-]*))?\.(tar\.gz|tgz)$/;

/**
 * Reads `pypi:iniconfig@2.3.0`, `npm:@scope/name@1.2.3` or the path of an archive.
 * @throws CONFIG_INVALID saying how it is written
 */
export function packageSource(text: string): PackageSource {
  const { registry, name, version } =
    /^(?<registry>pypi|npm):(?<name>.+?)(@(?<version>[^@]*))?$/.exec(text)?.groups ?? {};
  if (registry !== undefined) {
    const source = PackageSource.safeParse({ kind: "package", registry, name, version });
    if (source.success) return source.data;
    const example = registry === "pypi" ? "pypi:iniconfig@2.3.0" : "npm:object-path@0.11.8";
    throw refused(`--package is "${text}"; write a name and one version of it, as ${example}`);
  }
  if (!archiveName.test(basename(text))) {
    throw refused(
      `--package is "${text}"; write pypi:name@version, npm:name@version, or the path of an archive that is named as name-version.tar.gz or .tgz`,
    );
  }
  return { kind: "package", registry: "file", path: text };
}

interface PackageNames {
  /** "owner/name", as instances call it. */
  repository: string;
  version: string | null;
}

/** PyPI's rule: names that differ in case, "-", "_" and "." are the same. */
export const pypiName = (name: string): string => name.toLowerCase().replaceAll(/[-_.]+/g, "-");

export function repositoryOfPackage(source: PackageSource): PackageNames {
  if (source.registry === "file") {
    const { name = "package", version = null } = archiveName.exec(basename(source.path))?.groups ?? {};
    return { repository: `archive/${name}`, version };
  }
  const { registry, name, version } = source;
  const own = registry === "pypi" ? pypiName(name) : name.replace("@", "").replace("/", "__").replaceAll("~", "_");
  return { repository: `${registry}/${own}`, version };
}

function refused(message: string): HindcastError {
  return new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
}
