// Everything that is checked without running a test. All of it runs, so that one round shows all that is wrong.
import { join } from "node:path";
import { nodePath, root, runQuietly } from "./processes.mjs";
import { crates } from "./tests.mjs";

const bin = (name) => join(root, "node_modules", ".bin", name);

const checks = [
  { name: "format", command: bin("oxfmt"), args: ["--check", "."] },
  { name: "types", command: bin("tsc"), args: ["-b"] },
  // After the types: files outside the packages are linted against the declarations that were just built.
  { name: "lint", command: bin("oxlint"), args: ["--type-aware", "--deny-warnings"] },
  { name: "unused", command: bin("knip"), args: [] },
  ...crates.flatMap((crate) => {
    const cwd = join(root, crate);
    const name = crate.replaceAll("/", "-");
    return [
      { name: `rustfmt-${name}`, command: "cargo", args: ["fmt", "--check"], cwd },
      {
        name: `clippy-${name}`,
        command: "cargo",
        args: ["clippy", "--all-targets", "--all-features", "--", "-D", "warnings"],
        cwd,
      },
    ];
  }),
];

/** @returns how many checks failed. */
export async function runChecks() {
  nodePath();
  let failed = 0;
  for (const { name, command, args, cwd } of checks) {
    const start = performance.now();
    try {
      await runQuietly(`check-${name}`, command, args, { cwd });
      console.log(`check ${name}: good (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`check ${name}: FAILED\n${error.message}\n`);
    }
  }
  return failed;
}
