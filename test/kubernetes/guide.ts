// The commands of deploy/README.md, run as they stand there.
import { readFileSync } from "node:fs";
import { output } from "./kubectl.ts";

const guide = readFileSync(new URL("../../deploy/README.md", import.meta.url), "utf8");
const root = new URL("../../", import.meta.url).pathname;
const alternative = /# without KEDA: (.*)$/;

/** Those of the one block below the heading that holds the words. @throws Error where the guide has none */
export function guideBlock(heading: string, words: string): string[] {
  const section = guide.split(/^#{2,3} /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  const blocks = [...section.matchAll(/```console\n([\s\S]*?)```/g)].map(([, block = ""]) =>
    [...block.matchAll(/^\$ (.*)$/gm)].map(([, line = ""]) => line),
  );
  const found = blocks.find((block) => block.some((line) => line.includes(words)));
  if (found === undefined) throw new Error(`deploy/README.md, ${heading}: no block says ${words}`);
  return found;
}

/** What the block says to do where agents have no scaler. */
export function withoutKeda(block: readonly string[]): string[] {
  return block.flatMap((line) => {
    if (!line.includes("scaledobject")) return [line];
    return alternative.exec(line)?.[1] ?? [];
  });
}

/** @param replaced what stands for the reader's own, by what the guide has. @throws with what a command said */
export async function follow(block: readonly string[], replaced: Record<string, string> = {}): Promise<string> {
  const outputs: string[] = [];
  for (const line of block) {
    const command = Object.entries(replaced).reduce((text, [from, to]) => text.replaceAll(from, to), line);
    const settings = ["-euo", "pipefail", "-c", `cd ${root} && ${command}`];
    outputs.push(await output("bash", settings));
  }
  return outputs.join("");
}
