// Where a repository comes from: a folder of clones and bundles, or a URL.
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { unavailable } from "./errors.ts";

export type RepositorySource =
  /** A clone, bare or not. */
  | { kind: "clone"; path: string }
  /** A bundle's file, or anything else that `git clone` takes. */
  | { kind: "remote"; url: string };

const isUrl = (text: string): boolean => /^(https?|ssh|git|file):\/\//.test(text) || /^[\w.-]+@[\w.-]+:/.test(text);

/**
 * Looks for `repository` ("psf/requests") in each place: below a folder as `psf/requests`, `psf__requests` or
 * `requests`, in any case, with or without `.git`, or as a `.bundle`; of a URL, `{repo}` is replaced or the name appended.
 *
 * @throws ENVIRONMENT_UNAVAILABLE saying where it was looked for
 */
export function locateRepository(repository: string, places: readonly string[]): RepositorySource {
  const [owner = "", name = ""] = repository.split("/");
  const names = [`${owner}/${name}`, `${owner}__${name}`, name];
  for (const place of places) {
    if (isUrl(place)) {
      const url = place.includes("{repo}")
        ? place.replace("{repo}", repository)
        : `${place.replace(/\/$/, "")}/${repository}.git`;
      return { kind: "remote", url };
    }
    for (const candidate of names) {
      const clone = [candidate, `${candidate}.git`].map((each) => find(place, each)).find(isRepository);
      if (clone !== undefined) return { kind: "clone", path: clone };
      const bundle = find(place, `${candidate}.bundle`);
      if (existsSync(bundle)) return { kind: "remote", url: bundle };
    }
  }
  throw unavailable(
    `no clone of ${repository} was found in ${places.join(", ") || "any place"}: run "git clone https://github.com/${repository} ${join(places.find((place) => !isUrl(place)) ?? "REPOS", names[1] ?? "")}", or name its place with --repos (a folder of clones or bundles, or a URL)`,
  );
}

/** Names on GitHub do not mind the case, in which data sets and clones differ ("burntsushi/ripgrep"). */
function find(place: string, name: string): string {
  return name.split("/").reduce((folder, part) => {
    const exact = join(folder, part);
    if (existsSync(exact) || statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return exact;
    const alike = readdirSync(folder).find((each) => each.toLowerCase() === part.toLowerCase());
    return alike === undefined ? exact : join(folder, alike);
  }, place);
}

function isRepository(path: string): boolean {
  return existsSync(join(path, ".git")) || (existsSync(join(path, "HEAD")) && existsSync(join(path, "objects")));
}
