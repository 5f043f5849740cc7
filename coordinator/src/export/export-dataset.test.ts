// Requirements: 3.11.exports, 5.4.identical
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Demonstration } from "@hindcast/shared";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { aDemonstration, anEpisode, demonstrations } from "../../../test/support/export-check/demonstrations.ts";
import { exportDataset, type ExportOptions } from "./export-dataset.ts";
import type { Lineage } from "./lineage.ts";
import { parquetRow } from "./parquet-columns.ts";
import { splitOf } from "./split.ts";

interface Row {
  lineage: Lineage;
}

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "export-"));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

const target = (): string => join(root, "dataset");
const run = (options: Partial<ExportOptions> = {}): ReturnType<typeof exportDataset> =>
  exportDataset({ demonstrations: [aDemonstration()], directory: target(), ...options });
const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
const jsonLines = async (path: string): Promise<Row[]> =>
  (await readFile(join(target(), path), "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);
const leaked = `gh${"p"}_Zq3xK9vB7nM2wL5tR8yU1iO4pA6sD0fGhJkC`;

async function* failing(): AsyncGenerator<Demonstration> {
  yield aDemonstration();
  throw new Error("the stream broke");
}

describe("exportDataset", () => {
  it("writes every format with a manifest whose digests are those of the files", async () => {
    const summary = await run();

    const files = await filesIn(target());
    expect(files).toEqual([
      "README.md",
      "atif/demonstrations/demo-1.json",
      "data/train-00000-of-00001.parquet",
      "manifest.json",
      "messages.jsonl",
      "run/demonstrations.jsonl",
      "run/manifest.json",
      "steps.jsonl",
    ]);
    const ofTheData = files.filter((path) => path !== "manifest.json" && !path.startsWith("run/"));
    expect(summary.files.map(({ path }) => path)).toEqual(ofTheData);
    expect(summary.runFiles.map(({ path }) => path)).toEqual(files.filter((path) => path.startsWith("run/")));
    for (const { path, bytes, sha256 } of [...summary.files, ...summary.runFiles]) {
      const content = await readFile(join(target(), path));
      expect([path, content.length, createHash("sha256").update(content).digest("hex")]).toEqual([path, bytes, sha256]);
    }
    const { directory, bytes, runFiles: _, ...manifest } = summary;
    expect(JSON.parse(await readFile(join(target(), "manifest.json"), "utf8"))).toEqual(manifest);
    expect(directory).toBe(target());
    expect(bytes).toBeGreaterThan(0);
  });

  it("writes only the formats that were asked for", async () => {
    await run({ formats: ["steps"] });
    expect(await filesIn(target())).toEqual([
      "README.md",
      "manifest.json",
      "run/demonstrations.jsonl",
      "run/manifest.json",
      "steps.jsonl",
    ]);
  });

  it("gives Parquet's rows the system text in the first user turn too, where that is asked for", () => {
    const roles = (isFlat: boolean): string[] =>
      (parquetRow(aDemonstration(), isFlat)["messages"] as { role: string }[]).map(({ role }) => role);
    expect(roles(false)).toContain("system");
    expect(roles(true)).not.toContain("system");
  });

  it("carries the whole lineage in every row", async () => {
    await run();

    const [row] = await jsonLines("messages.jsonl");
    expect(row?.lineage).toMatchInlineSnapshot(`
      {
        "campaign_id": "c-1",
        "demonstration_id": "demo-1",
        "document_id": "doc-1",
        "document_source": "commands/npm-pkg.md",
        "episode_id": "ep-1",
        "instruction_id": "ins-1",
        "instruction_kind": "new-task",
        "is_offline": true,
        "kept_steps": [
          2,
          3,
        ],
        "license_note": "offline rules, no LLM; the source document's own license applies",
        "models": [
          {
            "model": "offline:rules",
            "purpose": "act",
          },
          {
            "model": "offline:rules",
            "purpose": "judge",
          },
        ],
        "prompt_hashes": [
          {
            "purpose": "act",
            "sha256": "f83f07be16e270186d35b876916c461995ebc3af5b1798f898c33285a1847dbc",
          },
          {
            "purpose": "judge",
            "sha256": "10e86c6514d40f2a3e861b31847340ee8c8ed181029a17b042f137121d28863e",
          },
        ],
        "replay": "verified",
        "score": 4.5,
        "task_id": "task-1",
        "task_instruction": "Manage the fields of a package.json.",
        "votes": [
          {
            "answer": "yes",
            "judge": "offline:rules",
            "reason": "Every point is met.",
            "score": 4,
          },
        ],
        "window_from": 1,
        "window_to": 3,
      }
    `);
    expect((await jsonLines("steps.jsonl")).map((step) => step.lineage)).toEqual([
      row?.lineage,
      row?.lineage,
      row?.lineage,
    ]);
  });

  it("is the same, byte for byte, for the same input", async () => {
    const input = demonstrations(40, 7);
    await run({ demonstrations: input, rowsPerShard: 9 });
    const again = join(root, "again");
    await run({ demonstrations: input, rowsPerShard: 9, directory: again });

    expect(await filesIn(again)).toEqual(await filesIn(target()));
    for (const path of await filesIn(again)) {
      expect(await readFile(join(again, path))).toEqual(await readFile(join(target(), path)));
    }
  });

  it("differs only in run/ for a run at another time, in other attempts, by other workers, at another cost", async () => {
    const base = aDemonstration();
    const episode = anEpisode();
    await run({ episodes: [episode] });
    const again = join(root, "again");
    await run({
      demonstrations: [
        aDemonstration({
          createdAt: "2027-01-01T00:00:00.000Z",
          lineage: { ...base.lineage, attempt: 4, costUsd: 0.5 },
        }),
      ],
      episodes: [
        {
          ...episode,
          trajectory: {
            ...episode.trajectory,
            steps: episode.trajectory.steps.map((step) => ({
              ...step,
              turn: {
                ...step.turn,
                calls: step.turn.calls.map((call) => ({ ...call, journaled: true, costUsd: 0, durationMs: 7 })),
              },
              timings: { retrieveMs: 1, actMs: 2, environmentMs: 3 },
            })),
          },
          ended: {
            ...episode.ended,
            attempt: 4,
            fencingToken: 99,
            workerId: "w-9" as typeof episode.ended.workerId,
            endedAt: "2027-01-01T00:00:00.000Z",
            durationMs: 1,
            costUsd: 0.5,
          },
        },
      ],
      directory: again,
    });

    const files = await filesIn(target());
    expect(await filesIn(again)).toEqual(files);
    const differing: string[] = [];
    for (const path of files) {
      const same = (await readFile(join(again, path))).equals(await readFile(join(target(), path)));
      if (!same) differing.push(path);
    }
    expect(differing).toEqual(["run/demonstrations.jsonl", "run/episodes.jsonl", "run/manifest.json"]);
  });

  it("never lets rows of one source document fall on both sides of the split", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 20 }), async (count, sources) => {
        const summary = await run({
          demonstrations: demonstrations(count, sources),
          formats: ["messages"],
          replace: true,
          validationPercent: 40,
        });
        const paths = summary.files.map(({ path }) => path).filter((path) => path.endsWith(".jsonl"));
        const sides = await Promise.all(
          paths.map(async (path) => new Set((await jsonLines(path)).map((row) => row.lineage.document_source))),
        );
        const [train, validation = new Set()] = sides;

        expect(paths[0]).toBe("messages.jsonl");
        expect([...(train ?? [])].filter((source) => validation.has(source))).toEqual([]);
        expect(summary.demonstrations.train + summary.demonstrations.validation).toBe(count);
        expect(summary.demonstrations.train).toBeGreaterThan(0);
      }),
      { numRuns: 25 },
    );
  });

  it("keeps a document on its side when the export grows", () => {
    const side = splitOf("commands/page-1.md", 10);
    expect(splitOf("commands/page-1.md", 10)).toBe(side);
    expect(splitOf("commands/page-1.md", 0)).toBe("train");
    expect(splitOf("commands/page-1.md", 100)).toBe("validation");
  });

  it("exports a demonstration that is delivered twice once", async () => {
    const summary = await run({ demonstrations: [aDemonstration(), aDemonstration()] });
    expect(summary.demonstrations).toMatchObject({ exported: 1, duplicates: 1 });
  });

  it("holds a row with a credential back whole, by name and id", async () => {
    const bad = aDemonstration({ id: "demo-2" as Demonstration["id"], answer: leaked });

    const summary = await run({ demonstrations: [aDemonstration(), bad] });

    expect(summary.heldBack).toEqual({
      total: 1,
      byPattern: { "github-token": 1 },
      rows: [{ demonstrationId: "demo-2", pattern: "github-token", field: "answer" }],
      rowsOmitted: 0,
    });
    for (const path of await filesIn(target())) {
      expect(await readFile(join(target(), path), "utf8")).not.toContain(leaked);
    }
    expect(await readFile(join(target(), "README.md"), "utf8")).toContain("1 × `github-token`");
  });

  it("exports such a row unchanged when secrets are allowed", async () => {
    await run({ demonstrations: [aDemonstration({ answer: leaked })], allowSecrets: true });
    expect(await readFile(join(target(), "messages.jsonl"), "utf8")).toContain(leaked);
  });

  it("says that there is nothing to export, and why, and leaves no folder", async () => {
    await expect(run({ demonstrations: [] })).rejects.toMatchObject({
      code: "EXPORT_FAILED",
      message: /no demonstration was accepted/,
    });
    await expect(run({ demonstrations: [aDemonstration({ answer: leaked })] })).rejects.toMatchObject({
      message: /all 1 demonstrations/,
    });
    expect(await readdir(root)).toEqual([]);
  });

  it("leaves nothing behind when the input breaks half-way", async () => {
    await expect(run({ demonstrations: failing() })).rejects.toMatchObject({
      boundary: "export",
      message: "the stream broke",
    });
    expect(await readdir(root)).toEqual([]);
  });

  it("refuses a folder that is in use and leaves it as it was", async () => {
    await mkdir(target());
    await writeFile(join(target(), "thesis.txt"), "years of work");

    await expect(run()).rejects.toMatchObject({ code: "EXPORT_FAILED", message: /not empty/ });
    await expect(run({ replace: true })).rejects.toMatchObject({ code: "EXPORT_FAILED", message: /no earlier export/ });

    expect(await filesIn(target())).toEqual(["thesis.txt"]);
    expect(await readdir(root)).toEqual(["dataset"]);
  });

  it("replaces an earlier export only when asked, and keeps it when the new one fails", async () => {
    await run();
    const before = await readFile(join(target(), "manifest.json"), "utf8");
    await expect(run()).rejects.toMatchObject({ message: /not empty/ });
    await expect(run({ demonstrations: failing(), replace: true })).rejects.toThrow("the stream broke");
    expect(await readFile(join(target(), "manifest.json"), "utf8")).toBe(before);

    await run({ demonstrations: demonstrations(3, 1), formats: ["messages"], replace: true });

    expect((await filesIn(target())).filter((path) => !path.startsWith("run/"))).toEqual([
      "README.md",
      "manifest.json",
      "messages.jsonl",
    ]);
    expect(await readdir(root)).toEqual(["dataset"]);
  });

  it("uses an empty folder that is already there", async () => {
    await mkdir(target());
    await run();
    expect(await filesIn(target())).toContain("manifest.json");
  });

  it("refuses a file in place of the folder", async () => {
    await writeFile(target(), "");
    await expect(run({ replace: true })).rejects.toMatchObject({ code: "EXPORT_FAILED", message: /cannot be used/ });
  });

  it("says on the card who made the rows", async () => {
    await run();
    const card = await readFile(join(target(), "README.md"), "utf8");
    expect(card).toContain("Agent demonstrations (offline rules, no LLM)");
    expect(card).toContain("No model provider's terms apply");

    const base = aDemonstration();
    const bought = aDemonstration({
      lineage: { ...base.lineage, isOffline: false, models: { act: "anthropic:claude-x" }, costUsd: null },
    });
    await run({ demonstrations: [bought], replace: true });
    const other = await readFile(join(target(), "README.md"), "utf8");
    expect(other).not.toContain("offline rules");
    expect(other).toContain("`anthropic:claude-x`. **The terms of model providers may forbid");
    expect(await jsonLines("run/demonstrations.jsonl")).toMatchObject([{ cost_usd: null }]);
  });
});
