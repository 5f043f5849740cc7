// The Debian that images are based on: what is compiled on this machine must find its libraries there.

/** With their glibc, oldest first. */
const suites = [
  { name: "bookworm", glibc: [2, 36] },
  { name: "trixie", glibc: [2, 41] },
];

/**
 * @param {string | undefined} glibc of this machine, as Node reports it; undefined with another C library
 * @returns the oldest whose glibc is not older
 * @throws Error where none is known
 */
export function suiteFor(glibc) {
  const [major = Infinity, minor = Infinity] = (glibc ?? "").split(".").filter(Boolean).map(Number);
  const found = suites.find((suite) => suite.glibc[0] > major || (suite.glibc[0] === major && suite.glibc[1] >= minor));
  if (found !== undefined) return found.name;
  const newest = suites[suites.length - 1];
  throw new Error(
    `what is compiled here takes ${glibc === undefined ? "another C library than glibc" : `glibc ${glibc}`}, and ${newest.name} has glibc ${newest.glibc.join(".")}: build on a Debian, or name images as new as this machine (--base, --agent-base, --shell-base)`,
  );
}
