import { expect, it } from "vitest";
import { commitVersion } from "./commit-version.ts";

it.each([
  // As setuptools-scm 8.1 says of repositories with these tags.
  ["5.4.1-522-g1a2b3c4\n", "5.4.2.dev522"],
  ["v2024.09.0-3-g1a2b3c4", "2024.09.1.dev3"],
  ["7.2.0.dev0-150-gda9a2b584", "7.2.0.dev150"],
  ["6.0.0rc1-51-g1a2b3c4", "6.0.0rc2.dev51"],
  ["release-1.2-7-g1a2b3c4", "1.3.dev7"],
  ["v1.0.0-0-g1a2b3c4", "1.0.0"],
  ["v2.0.0-rc1-4-g1a2b3c4", "2.0.0-rc2.dev4"],
  ["1.0.post1-2-g1a2b3c4", "1.0.post2.dev2"],
])("%s is %s", (described, expected) => {
  expect(commitVersion(described)).toBe(expected);
});

it.each(["", "nightly-4-g1a2b3c4", "1.2.x-4-g1a2b3c4", "fatal: No names found"])("%j is no version", (described) => {
  expect(commitVersion(described)).toBeNull();
});
