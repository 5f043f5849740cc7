// The gate against credentials in exported rows. Text fields are looked at one by one, by name; a row with a finding
// is held back whole. Nothing is ever replaced inside a row: a scrubber that edits text also corrupts hashes,
// commands and code that only look like a secret.
import { actionText, type Demonstration, type Observation } from "@hindcast/shared";
import type { EpisodeExport } from "./atif-episode.ts";

/** Formats that issuers chose so that they can be recognised: a match is a credential or a copy of one. */
const patterns: readonly { name: string; pattern: RegExp }[] = [
  // Header lines may come before the body; a header alone, or one with a body of X, is documentation.
  {
    name: "private-key",
    pattern: /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----[^]{0,300}?(?<body>[A-Za-z0-9+/]{40,})/g,
  },
  { name: "anthropic-api-key", pattern: /\bsk-ant-[a-z0-9]+-[\w-]{32,}/g },
  {
    name: "openai-api-key",
    pattern: /\bsk-(?:(?:proj|svcacct|admin)-[\w-]{40,}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}\b)/g,
  },
  { name: "google-api-key", pattern: /\bAIza[\w-]{35}(?![\w-])/g },
  { name: "aws-access-key", pattern: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g },
  { name: "github-token", pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{60,})\b/g },
  { name: "gitlab-token", pattern: /\bglpat-[\w-]{20,}/g },
  { name: "slack-token", pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{20,}/g },
  { name: "stripe-key", pattern: /\b[rs]k_live_[A-Za-z0-9]{20,}\b/g },
  { name: "npm-token", pattern: /\bnpm_[A-Za-z0-9]{36}\b/g },
  { name: "pypi-token", pattern: /\bpypi-AgEI[\w-]{50,}/g },
  { name: "hugging-face-token", pattern: /\bhf_[A-Za-z0-9]{34,}\b/g },
  { name: "nats-seed", pattern: /\bS[ACNOUX][A-Z2-7]{56}\b/g },
  { name: "json-web-token", pattern: /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}/g },
];

/** Manuals print `ghp_xxxxxxxx…` and `AKIAIOSFODNN7EXAMPLE`; a real credential has neither few letters nor that word. */
const distinctCharactersMin = 10;

export interface SecretFinding {
  pattern: string;
  /** The field of the demonstration or episode, such as `steps[2].observation`. */
  field: string;
}

/** The first text field that holds something shaped like a credential; null when none does. */
export function findSecret(demonstration: Demonstration): SecretFinding | null {
  return firstFinding(demonstrationTexts(demonstration));
}

/** The same gate for a whole rollout. */
export function findSecretInEpisode(episode: EpisodeExport): SecretFinding | null {
  return firstFinding(episodeTexts(episode));
}

function firstFinding(fields: Iterable<[field: string, text: string]>): SecretFinding | null {
  for (const [field, text] of fields) {
    const pattern = secretIn(text);
    if (pattern !== null) return { pattern, field };
  }
  return null;
}

/** The name of the first pattern that matches, or null. */
export function secretIn(text: string): string | null {
  const found = patterns.find(({ pattern }) =>
    [...text.matchAll(pattern)].some((match) => !isPlaceholder(match.groups?.["body"] ?? match[0])),
  );
  return found?.name ?? null;
}

function isPlaceholder(value: string): boolean {
  return value.includes("EXAMPLE") || new Set(value).size < distinctCharactersMin;
}

function* demonstrationTexts(demonstration: Demonstration): Generator<[field: string, text: string]> {
  const { instruction, steps, answer, lineage } = demonstration;
  yield ["instruction.text", instruction.text];
  yield ["instruction.expectedResult", instruction.expectedResult ?? ""];
  yield ["initial", observed(demonstration.initial)];
  for (const [index, step] of steps.entries()) {
    yield [`steps[${index}].reason`, step.reason];
    yield [`steps[${index}].action`, actionText(step.action)];
    yield [`steps[${index}].observation`, observed(step.observation)];
    yield [`steps[${index}].summary`, step.summary];
  }
  yield ["answer", answer ?? ""];
  yield ["lineage.documentSource", lineage.documentSource];
  yield ["lineage.taskInstruction", lineage.taskInstruction];
  for (const [index, verdict] of lineage.verdicts.entries()) {
    yield [`lineage.verdicts[${index}].reason`, verdict.reason];
  }
}

function* episodeTexts({ instruction, trajectory, ended }: EpisodeExport): Generator<[field: string, text: string]> {
  yield ["instruction", instruction];
  yield ["trajectory.initial", observed(trajectory.initial.observation)];
  for (const [index, { turn, observed: after }] of trajectory.steps.entries()) {
    yield [`trajectory.steps[${index}].reason`, turn.reason];
    yield [`trajectory.steps[${index}].action`, actionText(turn.action)];
    yield [`trajectory.steps[${index}].observation`, observed(after.observation)];
  }
  if (ended.closing !== null) {
    yield ["ended.closing.reason", ended.closing.reason];
    yield ["ended.closing.action", actionText(ended.closing.action)];
  }
  yield ["ended.answer", ended.answer ?? ""];
  yield ["ended.evaluation.detail", ended.evaluation?.detail ?? ""];
}

function observed(observation: Observation): string {
  switch (observation.kind) {
    case "shell":
      return `${observation.workingDirectory}\n${observation.text}`;
    case "page":
      return [observation.url, observation.title, observation.error ?? "", observation.text].join("\n");
    default:
      return observation.text;
  }
}
