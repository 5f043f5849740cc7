// SIGKILL at random moments, among them merges, graph builds and checkpoints; then every row is compared.
import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { checkKilled } from "../data/kill-check.ts";
import type { Context, Suite } from "../harness/context.ts";
import { benchFolder, workFolder } from "../harness/places.ts";
import { randomOf } from "../harness/statistics.ts";
import { argumentList } from "../harness/arguments.ts";
import { table } from "../report/markdown.ts";

interface Result {
  kills: number;
  /** Checkpoints that were acknowledged in all. */
  acknowledged: number;
  /** Kills after which an acknowledged checkpoint was not there, a row was wrong or too many, or nothing opened. */
  lostCheckpoints: number;
  wrongStates: number;
  unopenable: number;
  reasons: string[];
  rowsMax: number;
}
const folder = join(workFolder, "kills");
/** Histories that go on beside each other, each in a folder of its own: a child that starts or is killed leaves cores idle. */
const lanes = 4;
/** A child lives this long after it has opened, at random; most of what it does takes less. */
const lifeMsMax = 400;
/** Batches after which the history starts again, so that a run of a thousand kills stays quick. */
const sequenceMax = 40;

export const kill: Suite<Result> = {
  name: "kill",
  async run({ kills, log }: Context) {
    const blank = { acknowledged: 0, lostCheckpoints: 0, wrongStates: 0, unopenable: 0, rowsMax: 0 };
    const result: Result = { kills, ...blank, reasons: [] };
    let started = 0;
    const lane = async (own: string, random: () => number): Promise<void> => {
      let sequence = 0;
      while (started < kills) {
        started += 1;
        if (started % 50 === 0) log(`kill: ${started} of ${kills}`);
        if (sequence === 0 || sequence > sequenceMax) sequence = startAgain(own);
        const acknowledged = await killedChild(own, sequence, random() * lifeMsMax);
        result.acknowledged += acknowledged.length;
        sequence = await check(result, own, Math.max(sequence, ...acknowledged));
      }
    };
    await Promise.all(Array.from({ length: lanes }, (_, n) => lane(join(folder, String(n)), randomOf(kills + n))));
    rmSync(folder, { recursive: true, force: true });
    return result;
  },
  table({ kills, acknowledged, lostCheckpoints, wrongStates, unopenable, reasons, rowsMax }) {
    const figures = [kills, acknowledged, lostCheckpoints, wrongStates, unopenable, rowsMax].map(String);
    return [
      table(
        [
          "kills",
          "checkpoints acknowledged",
          "of these lost",
          "states with a wrong row",
          "not openable",
          "rows at most",
        ],
        [figures],
      ),
      ...reasons.slice(0, 5).map((reason) => `- ${reason}`),
    ].join("\n\n");
  },
  plots: () => ({}),
};

function startAgain(own: string): number {
  rmSync(own, { recursive: true, force: true });
  mkdirSync(own, { recursive: true });
  return 0;
}

/** @returns the sequences that the child had acknowledged when it was killed. */
async function killedChild(own: string, from: number, lifeMs: number): Promise<number[]> {
  const program = join(benchFolder, "programs", "kill-child.ts");
  const args = ["--conditions=source", "--no-warnings", program, ...argumentList({ folder: own, from })];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const acknowledged: number[] = [];
  let complaints = "";
  child.stderr.on("data", (data: Buffer) => (complaints += data.toString()));
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line === "ready") setTimeout(() => child.kill("SIGKILL"), lifeMs);
    else acknowledged.push(Number(line.split(" ")[1]));
  });
  const signal = await new Promise<NodeJS.Signals | null>((resolve) => child.on("close", (_, by) => resolve(by)));
  if (signal !== "SIGKILL") throw new Error(`the child ended by itself: ${complaints.slice(-500)}`);
  return acknowledged;
}

/** @returns where the next child goes on; 0 starts a new history. */
async function check(result: Result, own: string, acknowledged: number): Promise<number> {
  try {
    const checked = await checkKilled(own, acknowledged);
    result.rowsMax = Math.max(result.rowsMax, checked.rows);
    const { sequence, isLost, wrong, extra } = checked;
    if (isLost) {
      result.lostCheckpoints += 1;
      result.reasons.push(`at ${sequence}, though ${acknowledged} was acknowledged`);
    } else if (wrong > 0 || extra !== 0) {
      result.wrongStates += 1;
      result.reasons.push(`at ${sequence}: ${wrong} rows are wrong, ${extra} too many`);
    } else return sequence;
  } catch (error) {
    result.unopenable += 1;
    result.reasons.push(String(error).slice(0, 200));
  }
  return 0;
}
