// What setuptools-scm makes of the tags in front of a commit (its scheme "guess-next-dev"). The tags are cut away with all
// other history, and some projects refuse to run as the version 0.1 that they would have then: pytest asks for 2.0.

/** Of PEP 440, as far as tags of releases go. */
const version = /^\d+(\.\d+)*([-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?\d*)?([-_.]?post\d*)?([-_.]?dev\d*)?$/i;

/**
 * @param described by `git describe --tags --long`: "5.4.1-522-g1a2b3c4"
 * @returns "5.4.2.dev522"; null where the tag is no version
 */
export function commitVersion(described: string): string | null {
  const [, tag = "", distance = ""] = /^(?:[\w-]+-)?v?(\d[^+\s]*)-(\d+)-g[0-9a-f]+\s*$/i.exec(described) ?? [];
  if (!version.test(tag)) return null;
  if (distance === "0") return tag;
  // A tag that begins the development of a version ("7.2.0.dev0") names the next one already.
  const begun = /^(.*\d)[-_.]?dev\d*$/i.exec(tag)?.[1];
  const next = begun ?? tag.replace(/\d+$/, (last) => String(Number(last) + 1));
  return `${next}.dev${distance}`;
}
