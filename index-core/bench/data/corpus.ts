// Synthetic texts: words of a vocabulary of 20,000 drawn by Zipf's law, the same in every run.
import type { Demonstration } from "@hindcast/shared";

const vocabulary = 20_000;
const syllables = "ba co di fe gu ha jo ki le mu na po qui re su ta vo wi xe zu".split(" ");

function wordOf(rank: number): string {
  let word = "";
  for (let rest = rank + 7; rest > 0; rest = Math.floor(rest / syllables.length))
    word += syllables[rest % syllables.length];
  return word;
}
const words = Array.from({ length: vocabulary }, (_, rank) => wordOf(rank));

/** Text number `n`. */
export function textOf(n: number, length: number): string {
  let state = (n * 2_654_435_761) >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  return Array.from({ length }, () => words[Math.floor(vocabulary ** next()) - 1] ?? "ba").join(" ");
}

export function corpusOf(from: number, to: number): Demonstration[] {
  return Array.from({ length: to - from }, (_, at) => demonstrationOf(from + at));
}

function demonstrationOf(n: number): Demonstration {
  const hash = "0".repeat(64);
  const observation = (seed: number): object => ({ kind: "notice", text: textOf(seed, 60) });
  const demonstration = {
    v: 1,
    id: `demo-${n}`,
    campaignId: "c-bench",
    environment: "shell",
    instruction: {
      id: `ins-${n}`,
      kind: "new-task",
      text: textOf(n, 12),
      asksForAnswer: false,
      expectedResult: null,
      guidance: [],
      documentId: null,
    },
    initial: observation(3 * n),
    initialStateHash: hash,
    steps: [0, 1].map((step) => ({
      reason: textOf(n + step, 15),
      action: { kind: "shell", command: `${textOf(n, 3)} ${step}` },
      observation: observation(3 * n + step + 1),
      stateHash: hash,
      summary: textOf(n + 1_000_000, 10),
    })),
    answer: null,
    replay: "verified",
    score: 5,
    lineage: {
      documentId: `doc-${n % 100}`,
      documentSource: "bench.md",
      taskId: `task-${n % 1_000}`,
      taskInstruction: "bench",
      episodeId: `ep-${n}`,
      attempt: 1,
      from: 0,
      to: 2,
      keptSteps: [1, 2],
      models: { act: "offline:rules" },
      promptHashes: {},
      verdicts: [],
      costUsd: 0,
      isOffline: true,
    },
    createdAt: "2026-01-02T03:04:05.678Z",
  };
  return demonstration as unknown as Demonstration;
}
