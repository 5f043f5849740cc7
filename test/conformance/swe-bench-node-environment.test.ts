// Requirements: 6.10.javascript, 6.9.cache
// Packages of npm that are pinned by name and version, in a testbed without a network: real ones of the registry.
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { nodePackages } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { openNodeEnvironment } from "../../rollout-agent/src/environment/swe-bench/node-environment.ts";
import { answers } from "../support/registries.ts";
import { said, sourceRepository } from "../support/source-repository.ts";
import { provider } from "./sandbox-fixture.ts";

const never = new AbortController().signal;
const problems = await provider.problems();
const isThere = problems.length === 0 && (await answers("npm"));

describe.skipIf(!isThere)(
  `a pinned environment of npm's${isThere ? "" : " (no sandbox, or no registry answers)"}`,
  () => {
    it("is what the pins say, is seen by the project's programs and not by git, and is installed once", async () => {
      const { open, sources } = sourceRepository("demo/pinned", { "package.json": "{}\n" }, provider);
      const packages = nodePackages(["ms@2.1.2", "semver@7.5.4", "@sindresorhus/is@4.6.0"]);
      const testbed = await open({ packages });
      expect(
        (await said(testbed, 'node -p \'require("ms")("2 days") + " " + require("ms/package.json").version\'')).text,
      ).toBe("172800000 2.1.2");
      expect((await said(testbed, "node -p 'require(\"@sindresorhus/is/package.json\").version'")).text).toBe("4.6.0");
      // A program of theirs, and a library that only it needs.
      expect((await said(testbed, "semver -i minor 1.2.3; ls -d node_modules/lru-cache")).text).toBe(
        "1.3.0\nnode_modules/lru-cache",
      );
      expect((await said(testbed, "git status --porcelain")).text).toBe("");
      expect((await said(testbed, "echo x > node_modules/ms/index.js")).exitCode).not.toBe(0);

      await using first = await openNodeEnvironment(packages, sources, never);
      const { ino } = lstatSync(join(first.path, "node_modules"));
      await using again = await openNodeEnvironment(packages, sources, never);
      expect(lstatSync(join(again.path, "node_modules")).ino).toBe(ino);
      await using other = await openNodeEnvironment(nodePackages(["ms@2.1.3"]), sources, never);
      expect(other.path).not.toBe(first.path);
    }, 600_000);

    it("that npm cannot install is no failure of a patch, and the package is named", async () => {
      const { sources } = sourceRepository("demo/unpinned", { "package.json": "{}\n" }, provider);
      await expect(openNodeEnvironment(nodePackages(["ms@99.0.0"]), sources, never)).rejects.toMatchObject({
        code: "ENVIRONMENT_UNAVAILABLE",
        message: expect.stringMatching(/^npm could not install ms@99\.0\.0: .*ETARGET/s) as string,
      });
    }, 600_000);
  },
);
