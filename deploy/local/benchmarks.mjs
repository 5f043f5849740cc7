// Runs the benchmark programs one after the other: they measure the machine, so they must not share it.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root, runInForeground } from "./processes.mjs";

const folders = ["index-core/bench", "test/load"];

/**
 * Each `*.bench.ts` or `main.ts` is a program that prints its own table. Arguments select by a part of the path; from
 * the first option on they are the programs' own, but for `--help`.
 */
export async function runBenchmarks(args) {
  const firstOption = args.findIndex((arg) => arg.startsWith("--"));
  const selection = firstOption === -1 ? args : args.slice(0, firstOption);
  const options = args.slice(selection.length);
  const programs = programsOf(selection);
  if (programs.length === 0) throw new Error(`no benchmark matches ${selection.join(" ")}`);
  if (options.includes("--help")) return explain(programs);
  let worst = 0;
  for (const program of programs) {
    console.log(`\n${program}`);
    worst = Math.max(worst, await runInForeground(["--expose-gc", program, ...options]));
  }
  return worst;
}

function programsOf(selection) {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder))
        .sort()
        .map((name) => `${folder}/${name}`),
    )
    .filter((path) => /(\.bench|\/main)\.ts$/.test(path))
    .filter((path) => selection.length === 0 || selection.some((part) => path.includes(part)));
}

/** What each says of itself: the comment that its file begins with. */
function explain(programs) {
  for (const program of programs) {
    const lines = readFileSync(join(root, program), "utf8").split("\n");
    const end = lines.findIndex((line) => !line.startsWith("//"));
    console.log(
      `${program}\n${lines
        .slice(0, end)
        .map((line) => line.replace(/^\/\/ ?/, "  "))
        .join("\n")}\n`,
    );
  }
  return 0;
}
