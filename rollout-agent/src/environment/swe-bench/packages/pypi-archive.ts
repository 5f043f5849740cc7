// A source distribution from the index that pip asks. pip itself would run the package's build to tell what it downloaded, so
// the index is read as the simple API has it (PEP 503 and 691), and the file is compared with the digest that it gives.
import { join } from "node:path";
import { pypiName } from "@hindcast/shared/node";
import { z } from "zod";
import { unavailable } from "../errors.ts";
import { fetchedFolder, fetchedInside, fetchInside } from "../fetch-inside.ts";
import { hostSettings } from "../registries/host-settings.ts";
import { pipRegistries } from "../registries/pip-registries.ts";
import type { RegistryClient } from "../registries/registry-client.ts";
import type { FetchArchive } from "./package-archive.ts";
import { archiveBytesMax, readBounded } from "./archive-files.ts";

/** Of a package's page; those with thousands of files have some MB. */
const pageBytesMax = 32 * 1024 ** 2;
const transferSeconds = 300;
const namedMax = 8;

interface IndexFile {
  name: string;
  url: string;
  /** Hexadecimal. */
  sha256: string | null;
}

const Page = z.looseObject({
  files: z.array(
    z.looseObject({ filename: z.string(), url: z.string(), hashes: z.record(z.string(), z.string()).default({}) }),
  ),
});

export const fetchFromPyPi: FetchArchive = async ({ name, version }, { folder, sandboxes }, signal) => {
  const client = pipRegistries(await hostSettings(signal));
  if ((client.variables["PIP_NO_INDEX"] ?? "") !== "") {
    throw unavailable(
      `pip's settings say no-index, so no index is asked for ${name} ${version}: name the archive's file`,
    );
  }
  const pages = folder("index");
  const indexes = indexesOf(client, name);
  await fetchInside({ client, mounts: [], script: asking(indexes) }, pages, sandboxes, signal);
  const read = (file: string): string => readBounded(join(pages, fetchedFolder, file), pageBytesMax).toString("utf8");
  const answers = indexes.map((url, at) => ({ url, status: read(`${at}.status`), page: () => read(`${at}.page`) }));
  const odd = answers.find(({ status }) => status !== "200" && status !== "404");
  if (odd !== undefined)
    throw unavailable(`${odd.url} answered ${odd.status}: ask again later, or name the archive's file`);
  const files = answers.flatMap(({ url, status, page }) => (status === "200" ? filesOfPage(page(), url) : []));
  if (files.length === 0) {
    throw unavailable(`no package "${name}" is in ${indexes.join(", ")}: look at its name's spelling`);
  }
  const found = sourceDistribution(files, name, version);
  const archive = folder("archive");
  const script = `curl -sSfL -m ${transferSeconds} --max-filesize ${archiveBytesMax} -o ${fetchedInside}/archive '${found.url}'`;
  await fetchInside({ client, mounts: [], script }, archive, sandboxes, signal);
  return {
    bytes: readBounded(join(archive, fetchedFolder, "archive"), archiveBytesMax),
    digest: { algorithm: "sha256", hex: found.sha256 },
  };
};

const indexesOf = ({ variables }: RegistryClient, name: string): string[] =>
  [variables["PIP_INDEX_URL"] ?? "", ...(variables["PIP_EXTRA_INDEX_URL"] ?? "").split(" ")]
    .filter((url) => url !== "")
    .map((url) => `${url.replace(/\/$/, "")}/${pypiName(name)}/`);

const asking = (urls: readonly string[]): string =>
  urls
    .map(
      (url, at) =>
        `curl -sSL -m ${transferSeconds} --max-filesize ${pageBytesMax} -H 'Accept: application/vnd.pypi.simple.v1+json, text/html;q=0.1' -o ${fetchedInside}/${at}.page -w '%{http_code}' '${quotable(url)}' > ${fetchedInside}/${at}.status`,
    )
    .join("\n");

const quotable = (url: string): string => url.replaceAll("'", "%27");

/** @param url of the page, to which its links are relative */
export function filesOfPage(page: string, url: string): IndexFile[] {
  if (page.trimStart().startsWith("{")) {
    const read = Page.safeParse(JSON.parse(page));
    if (!read.success) throw unavailable(`${url} is no page of a package index: ${z.prettifyError(read.error)}`);
    return read.data.files.map(({ filename, url: file, hashes }) => ({
      name: filename,
      url: quotable(new URL(file, url).href),
      sha256: hashes["sha256"] ?? null,
    }));
  }
  return [...page.matchAll(/<a\b[^>]*\bhref\s*=\s*"([^"]*)"[^>]*>([^<]*)<\/a>/gi)].flatMap(
    ([, href = "", name = ""]) => {
      const link = URL.parse(href.replaceAll("&amp;", "&"), url);
      if (link === null) return [];
      const sha256 = /^#sha256=([0-9a-f]{64})$/i.exec(link.hash)?.[1] ?? null;
      link.hash = "";
      return [{ name: name.trim(), url: quotable(link.href), sha256 }];
    },
  );
}

/** @throws ENVIRONMENT_UNAVAILABLE saying what the index has instead */
export function sourceDistribution(
  files: readonly IndexFile[],
  name: string,
  version: string,
): IndexFile & { sha256: string } {
  const sources = files.flatMap((file) => {
    const [, own = "", of = ""] = /^(.+)-([^-]+)\.(?:tar\.gz|tgz)$/.exec(file.name) ?? [];
    return pypiName(own) === pypiName(name) ? [{ ...file, version: of }] : [];
  });
  const found = sources.find((file) => file.version.toLowerCase() === version.toLowerCase());
  if (found === undefined) {
    const others = files.filter((file) => file.name.includes(`-${version}-`) || file.name.includes(`-${version}.`));
    const instead =
      others.length > 0
        ? `only ${others
            .slice(0, namedMax)
            .map((file) => file.name)
            .join(", ")}`
        : `source distributions of ${
            sources
              .slice(-namedMax)
              .map((file) => file.version)
              .join(", ") || "no version"
          }`;
    throw unavailable(
      `the index has no source distribution of ${name} ${version} as .tar.gz; it has ${instead}: take another version, or a clone with --repo`,
    );
  }
  const { sha256 } = found;
  if (sha256 === null) throw unavailable(`the index gives no SHA-256 of ${found.name}, so nothing can be compared`);
  return { ...found, sha256: sha256.toLowerCase() };
}
