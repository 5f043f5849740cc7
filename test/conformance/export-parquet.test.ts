// Requirements: 3.11.exports
// Parquet files are read back with an independent reader: what a user's tools will see.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { observationText, type Demonstration } from "@hindcast/shared";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conversationOf } from "../../coordinator/src/export/conversation.ts";
import { exportDataset, type ExportSummary } from "../../coordinator/src/export/export-dataset.ts";
import { aDemonstration, aShellObservation, demonstrations } from "../support/export-check/demonstrations.ts";

let root: string;
let summary: ExportSummary;
const odd = "naïve 日本 🦀 \u0000 \r\n";
const template = aDemonstration();
const unicode = aDemonstration({
  id: "demo-unicode" as Demonstration["id"],
  steps: [
    {
      ...template.steps[0]!,
      reason: odd,
      observation: aShellObservation({ text: odd, exitCode: null, killed: "timeout" }),
    },
  ],
  answer: null,
  instruction: { ...template.instruction, text: odd, expectedResult: null },
  lineage: { ...template.lineage, costUsd: null, models: {}, verdicts: [], keptSteps: [2] },
});
const input = [...demonstrations(25, 6), unicode];

const read = async (path: string): Promise<Record<string, unknown>[]> =>
  parquetReadObjects({ file: await asyncBufferFromFile(join(root, "dataset", path)) });
const parquetFiles = (): string[] => summary.files.map(({ path }) => path).filter((path) => path.endsWith(".parquet"));
const allRows = async (): Promise<Record<string, unknown>[]> => (await Promise.all(parquetFiles().map(read))).flat();

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "export-parquet-"));
  summary = await exportDataset({
    demonstrations: input,
    directory: join(root, "dataset"),
    formats: ["parquet"],
    validationPercent: 40,
    rowsPerShard: 4,
  });
});
afterAll(async () => {
  await rm(root, { recursive: true });
});

describe("the Parquet files of an export", () => {
  it("are numbered shards of at most the asked-for rows", () => {
    const train = parquetFiles().filter((path) => path.includes("train"));
    const five = (n: number): string => String(n).padStart(5, "0");
    expect(train).toEqual(train.map((_, index) => `data/train-${five(index)}-of-${five(train.length)}.parquet`));
    expect(train.length).toBeGreaterThan(1);
    for (const { rows } of summary.files.filter(({ path }) => path.endsWith(".parquet"))) {
      expect(rows).toBeGreaterThan(0);
      expect(rows).toBeLessThanOrEqual(4);
    }
  });

  it("hold every demonstration once", async () => {
    const ids = (await allRows()).map((row) => String(row["id"]));
    expect(ids.toSorted()).toEqual([...new Set(input.map(({ id }) => id))].toSorted());
  });

  it("give typed columns back, nested ones included", async () => {
    const row = (await allRows()).find(({ id }) => id === "demo-24");
    expect(row).toMatchObject({
      environment: "shell",
      instruction: "Set the license of package 24 to MIT.",
      asks_for_answer: true,
      answer: "MIT",
      document_source: "commands/page-0.md",
      window_from: 1,
      window_to: 3,
      kept_steps: [2, 3],
      score: 4.5,
      is_offline: true,
      models: [
        { purpose: "act", model: "offline:rules" },
        { purpose: "judge", model: "offline:rules" },
      ],
      votes: [{ judge: "offline:rules", answer: "yes", score: 4, reason: "Every point is met." }],
    });
    expect(row?.["messages"]).toEqual(conversationOf(input[24]!));
  });

  it("keep text beyond ASCII, and tell null and empty from zero", async () => {
    const row = (await allRows()).find(({ id }) => id === "demo-unicode");
    expect(row).toMatchObject({
      instruction: odd,
      expected_result: null,
      answer: null,
      models: [],
      votes: [],
    });
    expect(row?.["steps"]).toMatchObject([
      { reason: odd, observation: observationText(unicode.steps[0]!.observation), exit_code: null },
    ]);
  });

  it("have one schema in all shards, so that readers can concatenate them", async () => {
    const schemas = await Promise.all(
      parquetFiles().map(
        async (path) => (await parquetMetadataAsync(await asyncBufferFromFile(join(root, "dataset", path)))).schema,
      ),
    );
    for (const schema of schemas) expect(schema).toEqual(schemas[0]);
  });
});
