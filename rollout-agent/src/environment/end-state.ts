// Success of a shell task: its files end up as the reference commands leave them. The working directory does not count,
// since the same work can be done from anywhere.
import type { Evaluation } from "@hindcast/shared";
import type { Sandbox } from "../sandbox/sandbox.ts";

const evaluator = "end-state";
/** Differences that the detail names; the rest are counted. */
const namedMax = 5;
const detailCharsMax = 4_000;

export async function compareEndStates(reached: Sandbox, expected: Sandbox, signal: AbortSignal): Promise<Evaluation> {
  const [{ filesHash: found }, { filesHash: wanted }] = await Promise.all([
    reached.state(signal),
    expected.state(signal),
  ]);
  if (found === wanted) {
    return { verdict: "success", evaluator, detail: "the files are as the reference leaves them" };
  }
  const [entries, reference] = await Promise.all([reached.entries(signal), expected.entries(signal)]);
  const differences = describeDifferences(entries, reference);
  const named = differences.slice(0, namedMax).join("; ");
  const more = differences.length > namedMax ? `; and ${differences.length - namedMax} more` : "";
  return { verdict: "failure", evaluator, detail: `${named}${more}`.slice(0, detailCharsMax) };
}

/** One phrase per path that differs, in order of path; a repository's own files come last, since they follow from others. */
export function describeDifferences(found: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>): string[] {
  const all = [...new Set([...found.keys(), ...wanted.keys()])].toSorted();
  const paths = [...all.filter((path) => !isInsideGit(path)), ...all.filter(isInsideGit)];
  return paths.flatMap((path) => {
    const is = found.get(path);
    const should = wanted.get(path);
    if (is === should) return [];
    if (is === undefined) return [`${path} is missing`];
    if (should === undefined) return [`${path} should not exist`];
    const [kind, mode] = is.split(" ");
    const [wantedKind, wantedMode] = should.split(" ");
    if (kind !== wantedKind) return [`${path} is a ${kind} and should be a ${wantedKind}`];
    if (mode !== wantedMode) return [`${path} has mode ${mode} and should have ${wantedMode}`];
    return [`${path} has other content`];
  });
}

function isInsideGit(path: string): boolean {
  return path.includes("/.git/");
}
