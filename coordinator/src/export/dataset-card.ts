// README.md of an export: the data card that the Hugging Face hub reads (YAML front matter) and that people read.
import type { CampaignReport } from "@hindcast/shared";
import { stringify } from "yaml";
import type { ExportManifest } from "./manifest.ts";

/** The card of an export whose data files are `manifest.files`. */
export function datasetCard(manifest: ExportManifest, report: CampaignReport | null): string {
  return [
    frontMatter(manifest),
    `# ${title(manifest)}`,
    introduction(manifest),
    counts(manifest),
    contents(manifest),
    beforeUse(manifest),
    heldBack(manifest),
    ...(report === null ? [] : [fromReport(report)]),
    files(manifest),
  ]
    .filter((section) => section !== "")
    .join("\n\n")
    .concat("\n");
}

function title({ isOffline }: ExportManifest): string {
  return isOffline ? "Agent demonstrations (offline rules, no LLM)" : "Agent demonstrations";
}

/**
 * `configs` name every data file, so that the JSON files beside them are not taken for data. A data set has one file
 * format (the loader chooses its reader once): Parquet where there is any, else the JSON Lines.
 */
function frontMatter(manifest: ExportManifest): string {
  const parquet = config(manifest, "demonstrations", {
    train: "data/train-*.parquet",
    validation: "data/validation-*.parquet",
  });
  const jsonl = ["messages", "steps"].flatMap((name) =>
    config(manifest, name, { train: `${name}.jsonl`, validation: `${name}.validation.jsonl` }),
  );
  const meta = {
    pretty_name: title(manifest),
    task_categories: ["text-generation"],
    tags: [
      "agent",
      "synthetic",
      "trajectories",
      "learn-by-interact",
      "hindcast",
      ...(manifest.isOffline ? ["offline-rules"] : []),
    ],
    size_categories: [sizeCategory(manifest.demonstrations.exported)],
    configs: parquet.length > 0 ? parquet : jsonl,
  };
  return `---\n# license: not set; it depends on the source documents and the models, see "Before use"\n${stringify(meta, { lineWidth: 0 })}---`;
}

function config({ files }: ExportManifest, name: string, paths: { train: string; validation: string }): object[] {
  const exists = (pattern: string): boolean =>
    files.some(({ path }) => new RegExp(`^${pattern.replaceAll(".", "\\.").replace("*", "[^/]*")}$`).test(path));
  const dataFiles = Object.entries(paths)
    .filter(([, path]) => exists(path))
    .map(([split, path]) => ({ split, path }));
  return dataFiles.length === 0 ? [] : [{ config_name: name, data_files: dataFiles }];
}

/** The hub's own vocabulary. */
function sizeCategory(rows: number): string {
  const bounds: [number, string][] = [
    [1_000, "n<1K"],
    [10_000, "1K<n<10K"],
    [100_000, "10K<n<100K"],
    [1_000_000, "100K<n<1M"],
  ];
  return bounds.find(([bound]) => rows < bound)?.[1] ?? "1M<n<10M";
}

function introduction({ isOffline, demonstrations }: ExportManifest): string {
  const { exported, offline } = demonstrations;
  const who = isOffline
    ? "**Offline rules, no LLM:** every instruction, action, reason and vote here was produced by fixed rules."
    : offline > 0
      ? `${offline} of ${exported} rows were produced by offline rules, no LLM (\`is_offline\`).`
      : "";
  return [
    "Each row is an instruction and the actions that fulfil it, recorded in a real sandbox. The instruction was written",
    "afterwards, for what the actions did (backward construction, [arXiv 2501.10893](https://arxiv.org/abs/2501.10893)),",
    "and accepted by every judge of a committee. Written by Hindcast; `lineage` names the document, task, episode,",
    "window, models, prompts and votes of each row.",
    ...(who === "" ? [] : ["", who]),
  ].join("\n");
}

function counts({ demonstrations, sources, episodes, byReplay, byKind, heldBack: held }: ExportManifest): string {
  const rows: [string, number][] = [
    ["demonstrations", demonstrations.exported],
    ["· train", demonstrations.train],
    ["· validation", demonstrations.validation],
    ...Object.entries(byKind).map(([kind, n]): [string, number] => [`instruction kind \`${kind}\``, n]),
    ...Object.entries(byReplay).map(([verdict, n]): [string, number] => [`replay \`${verdict}\``, n]),
    ["source documents", sources],
    ["whole episodes (ATIF)", episodes],
    ["held back by the secret gate", held.total],
  ];
  return ["| | count |", "|---|---:|", ...rows.map(([name, n]) => `| ${name} | ${n} |`)].join("\n");
}

function contents({ files }: ExportManifest): string {
  const has = (prefix: string): boolean => files.some(({ path }) => path.startsWith(prefix));
  const lines = [
    ...(has("data/")
      ? ["- `data/*.parquet`: one row per demonstration, typed columns; what `load_dataset` on this folder reads."]
      : []),
    ...(has("messages.")
      ? [
          "- `messages.jsonl`: the whole trajectory as a conversation; `train` marks the turns whose loss counts (Axolotl:",
          "  `type: chat_template`, `message_field_training: train`).",
        ]
      : []),
    ...(has("steps.")
      ? [
          "- `steps.jsonl`: one prompt/completion pair per step, the prompt as the policy sees it at run time (TRL masks it by",
          "  default, with any chat template). Turns that the sandbox refused or had to kill are history, never a completion.",
        ]
      : []),
    ...(has("atif/")
      ? ["- `atif/`: one ATIF v1.8 trajectory per file, for demonstrations and whole episodes; not split."]
      : []),
  ];
  return [
    "## Contents",
    "",
    ...lines,
    "",
    'The JSON Lines are read with `load_dataset("json", data_files={"train": "steps.jsonl"})`; rows held out for validation',
    "lie beside them in `*.validation.jsonl`.",
    "`run/` tells of the run that made this: times, attempts, workers, costs, by demonstration and episode. All else is a",
    "function of documents, settings, seed and the models' answers, down to the bytes.",
    "Train and validation share no source document. Conversations and step pairs end in `stop(...)`: the exporter adds it,",
    "with a fixed reason, because the committee accepted that the steps fulfil the instruction.",
  ].join("\n");
}

function beforeUse({ models, isOffline }: ExportManifest): string {
  const terms = isOffline
    ? "No model provider's terms apply to it (offline rules, no LLM)."
    : `It contains output of ${models.map((model) => `\`${model}\``).join(", ")}. **The terms of model providers may forbid using such output to train competing models: check them before training or publishing.**`;
  return [
    "## Before use",
    "",
    `${terms} Text of the source documents may appear in instructions and observations; their licenses apply. Hindcast sets`,
    "no license for this data set: choose one that both allow and put it into the front matter above.",
  ].join("\n");
}

function heldBack({ heldBack: { total, byPattern } }: ExportManifest): string {
  if (total === 0) return "";
  const named = Object.entries(byPattern).map(([pattern, n]) => `${n} × \`${pattern}\``);
  return `## Held back\n\n${total} rows hold something shaped like a credential and were left out whole: ${named.join(", ")}. Their ids are in \`manifest.json\`.`;
}

function fromReport({ campaignId, outcomes, isOffline }: CampaignReport): string {
  const rows = Object.entries(outcomes).filter(([, n]) => n > 0);
  const sum = rows.reduce((total, [, n]) => total + n, 0);
  return [
    `## Where it comes from${isOffline ? " (offline rules, no LLM)" : ""}`,
    "",
    `Campaign \`${campaignId}\` (\`run/report.json\`). Its episodes by end:`,
    "",
    "| end | episodes |",
    "|---|---:|",
    ...rows.map(([reason, n]) => `| \`${reason}\` | ${n} |`),
    `| sum | ${sum} |`,
  ].join("\n");
}

/** Files of `atif/` are too many to list; the manifest has them. */
function files(manifest: ExportManifest): string {
  const listed = manifest.files.filter(({ path }) => !path.startsWith("atif/"));
  return [
    "## Files",
    "",
    "| file | rows | bytes | SHA-256 |",
    "|---|---:|---:|---|",
    ...listed.map(({ path, rows, bytes, sha256 }) => `| \`${path}\` | ${rows ?? ""} | ${bytes} | \`${sha256}\` |`),
  ].join("\n");
}
