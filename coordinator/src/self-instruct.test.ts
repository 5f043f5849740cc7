// Requirements: 3.2.declined
import { type BlobRef, networkOfRules, type StageEnded, type StageTask } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { aContext, someSettings } from "../../test/support/campaign-context.ts";
import { aDocument, scriptedGenerator } from "../../test/support/scripted-generator.ts";
import type { CampaignContext } from "./campaign-context.ts";
import { propose, proposeInstructions } from "./self-instruct.ts";
import { InstructionDeduplicator } from "./similarity/instruction-deduplicator.ts";
import { accountOf, storeOutput } from "./stage/stage-output.ts";
import type { TaskRunner } from "./task-runner.ts";

/** Whose stages this process works on at once; blobs are kept in memory. */
function aCampaign(...rules: string[]): { context: CampaignContext; prompt: () => string } {
  const generator = scriptedGenerator({
    "self-instruct": () => {
      const task = { asksForAnswer: false, expectedResult: "done", guidance: [], files: [], setup: [] };
      return {
        json: {
          tasks: [
            { ...task, instruction: "Prepare the workspace", needs: [] },
            { ...task, instruction: "Install left-pad", needs: ["network"] },
            { ...task, instruction: "Publish a package", needs: ["network", "credentials"] },
          ],
        },
      };
    },
  });
  const network = networkOfRules(rules);
  const settings = { ...someSettings, ...(network === undefined ? {} : { network }) };
  const stored: Uint8Array[] = [];
  const blobs = {
    put: async (bytes: Uint8Array) => ({ sha256: String(stored.push(bytes) - 1), bytes: bytes.length }) as BlobRef,
    get: async ({ sha256 }: BlobRef) => stored[Number(sha256)],
  };
  const bus = { blobs } as unknown as Bus;
  const run = async (task: StageTask): Promise<Partial<StageEnded>> => {
    if (task.kind !== "propose") throw new Error("nothing is constructed here");
    const product = await propose(context, task);
    const account = accountOf(aContext({ generator }));
    return { output: await storeOutput(bus, { v: 1, kind: "proposed", account, product }), error: null };
  };
  const context = aContext({ generator, settings, bus, tasks: { run } as unknown as TaskRunner });
  return { context, prompt: () => JSON.stringify(generator.requests[0]) };
}

async function instructionsOf(context: CampaignContext): Promise<string[]> {
  const texts: string[] = [];
  for await (const { instruction } of proposeInstructions(context, [aDocument(1)], new InstructionDeduplicator())) {
    texts.push(instruction.text);
  }
  return texts;
}

const tasksOf = ({ funnel }: CampaignContext): Record<string, number> | undefined =>
  funnel.stages().find(({ name }) => name === "tasks")?.counts;

describe("tasks that need the network", () => {
  it("are declined where nothing of it is open", async () => {
    const { context, prompt } = aCampaign();
    expect(await instructionsOf(context)).toEqual(["Prepare the workspace"]);
    expect(tasksOf(context)).toEqual({ "declined: needs network": 2, "rolled-out": 1 });
    expect(prompt()).toContain("There is no network,");
  });

  it("are rolled out where the campaign opens some, of which the generator is told", async () => {
    const { context, prompt } = aCampaign("tunnel registry.npmjs.org");
    expect(await instructionsOf(context)).toEqual(["Prepare the workspace", "Install left-pad"]);
    expect(tasksOf(context)).toEqual({ "declined: needs credentials": 1, "rolled-out": 2 });
    expect(prompt()).toContain("tunnel registry.npmjs.org:443");
  });
});
