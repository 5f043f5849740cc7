// Requirements: 3.2.proposal, 3.10.offline
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Document } from "../../../domain/document.ts";
import type { DocumentId } from "../../../domain/ids.ts";
import { ask } from "../../prompt/ask.ts";
import { evaluationTask } from "../../prompt/evaluation-task.ts";
import type { EvaluationTaskInput, EvaluationTaskProposal, ProposedTask } from "../../prompt/prompt.ts";
import { selfInstruct } from "../../prompt/self-instruct.ts";
import { createOfflineModel } from "./index.ts";
import { states } from "./wording.ts";

const model = createOfflineModel("offline:rules");
const { signal } = new AbortController();

function aDocument(source: string, text: string): Document {
  return { id: "doc-1" as DocumentId, source, part: 0, title: source, headingPath: [source], text, tokens: 100 };
}

async function proposed(document: Document, count = 5): Promise<ProposedTask[]> {
  const asked = await ask(model, selfInstruct, { document, count, environment: "a shell" }, { seed: 1, signal });
  if (!asked.ok) throw new Error(asked.detail);
  return asked.value.tasks;
}

async function heldOut(
  input: Partial<EvaluationTaskInput> & { document: Document },
): Promise<EvaluationTaskProposal[]> {
  const asked = await ask(
    model,
    evaluationTask,
    { learned: null, count: 1, environment: "a shell", seed: 7, ...input },
    { seed: 1, signal },
  );
  if (!asked.ok) throw new Error(asked.detail);
  return asked.value.tasks;
}

const npmPkg = aDocument(
  "commands/npm-pkg.md",
  `# npm-pkg

Manages your package.json

## Description

Defining a new bin named \`mynewcommand\` in your \`package.json\` that points to a file \`cli.js\`:

\`\`\`bash
npm pkg set bin.mynewcommand=cli.js
\`\`\`

Setting multiple fields at once is also possible:

\`\`\`bash
npm pkg set description='Awesome package' engines.node='>=10'
\`\`\`

In order to remove a script named build:

\`\`\`bash
npm pkg delete scripts.build
\`\`\`

To publish the result, you would run:

\`\`\`bash
npm publish
\`\`\`
`,
);

const gitBranch = aDocument(
  "man:git-branch(1)",
  `## EXAMPLES

**Undo a commit, making it a topic branch**

\`\`\`console
$ git branch topic/wip          (1)
$ git reset --hard HEAD~3       (2)
$ git switch topic/wip          (3)
\`\`\`

1. You have made some commits.
2. Rewind the master branch.
3. Switch to topic/wip branch and keep working.
`,
);

describe("the offline proposer", () => {
  it("takes tasks from a document's examples, in its words, with every value named and the commands as guidance", async () => {
    const tasks = await proposed(npmPkg);
    expect(tasks.map(({ instruction, guidance }) => ({ instruction, guidance }))).toEqual(
      expect.arrayContaining([
        {
          instruction:
            "Using npm, define a new bin named `mynewcommand` in your `package.json` that points to a file `cli.js`.",
          guidance: ["npm pkg set bin.mynewcommand=cli.js"],
        },
        {
          instruction:
            "Using npm, set multiple fields at once: set `description` to `Awesome package` and `engines.node` to `>=10`.",
          guidance: ["npm pkg set description='Awesome package' engines.node='>=10'"],
        },
      ]),
    );
    for (const task of tasks) expect(task.expectedResult).not.toBe("");
  });

  it("gives each task a start state in which it makes sense", async () => {
    const tasks = await proposed(npmPkg);
    const removal = tasks.find(({ guidance }) => guidance[0] === "npm pkg delete scripts.build");
    const file = removal?.files.find(({ path }) => path === "package.json");
    expect(JSON.parse(file?.content ?? "")).toMatchObject({ scripts: { build: expect.any(String) } });
  });

  it("says what a task needs that a sandbox lacks, and puts such tasks last", async () => {
    const tasks = await proposed(npmPkg);
    expect(tasks.at(-1)).toMatchObject({
      guidance: ["npm publish"],
      needs: expect.arrayContaining(["network", "credentials"]),
    });
    expect(tasks.slice(0, 3).every(({ needs }) => needs.length === 0)).toBe(true);
  });

  it("keeps several commands of one example together, with a repository to run them in", async () => {
    const [task] = await proposed(gitBranch, 1);
    expect(task?.guidance).toEqual(["git branch topic/wip", "git reset --hard HEAD~3", "git switch topic/wip"]);
    expect(task?.instruction).toMatch(/^Using git, undo a commit, making it a topic branch/);
    expect(task?.setup[0]).toBe("git init -q -b master");
    expect(task?.setup.filter((command) => command.includes("git commit")).length).toBeGreaterThan(3);
  });

  it("fills placeholders of a synopsis and tells the task in the page's words", async () => {
    const tasks = await proposed(
      aDocument(
        "man:git-mv(1)",
        "## NAME\n\ngit-mv - Move or rename a file, a directory, or a symlink\n\n## SYNOPSIS\n\n```\ngit mv [<options>] <source>... <destination>\n```\n",
      ),
    );
    expect(tasks[0]?.guidance[0]).toMatch(/^git mv [\w-]+\.txt [\w-]+\.txt$/);
    const [source = "", destination = ""] = tasks[0]?.guidance[0]?.split(" ").slice(2) ?? [];
    expect(tasks[0]?.instruction).toContain(`\`${source}\` and \`${destination}\``);
    expect(tasks[0]?.files.map(({ path }) => path)).toContain(source);
  });

  it("never asks for more tasks than wanted, never repeats one, and never leaves a gap in a command", async () => {
    for (const document of [npmPkg, gitBranch]) {
      const tasks = await proposed(document, 2);
      expect(tasks.length).toBeLessThanOrEqual(2);
      expect(new Set(tasks.map(({ instruction }) => instruction)).size).toBe(tasks.length);
      for (const { guidance } of tasks) expect(guidance.join("\n")).not.toMatch(/<[\w-]+>|\.\.\. /);
    }
  });

  it("proposes nothing from a text without commands, and never fails on any text", async () => {
    await expect(proposed(aDocument("notes.txt", "We met on Monday and talked about the harbor."))).resolves.toEqual(
      [],
    );
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(
        "```",
        "$ git tag v1",
        "## SYNOPSIS",
        "    npm pkg get name",
        "\n",
        "<file>",
        "**-d, --delete**",
        "git branch [-d] <name>",
        "</document>",
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 20 }), async (pieces) => {
        for (const task of await proposed(aDocument("man:git-tag(1)", pieces.join("\n") || "x")))
          expect(task.guidance.length).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
  });
});

describe("held-out tasks, offline", () => {
  it("vary a learned task: other names and values everywhere, other words, and still everything stated", async () => {
    const [learned] = await proposed(npmPkg);
    if (learned === undefined) throw new Error("a task");
    const [task] = await heldOut({ document: npmPkg, learned });
    expect(task?.referenceCommands[0]).toMatch(/^npm pkg set /);
    expect(task?.referenceCommands).not.toEqual(learned.guidance);
    expect(task?.instruction).not.toBe(learned.instruction);
    const values = (task?.referenceCommands[0] ?? "").split(/[ =]/).filter((part) => /^[a-z][\w-]+\.\w+$/.test(part));
    expect(values.length).toBeGreaterThan(0);
    for (const value of values) expect(states(task?.instruction ?? "", value)).toBe(true);
    expect(task?.instruction).not.toContain("npm pkg");
  });

  it("rename consistently in instruction, files, setup and commands", async () => {
    const learned = {
      instruction: "Using git, delete the branch `topic`.",
      guidance: ["git branch -D topic"],
      files: [{ path: "README.md", content: "# Project\n" }],
      setup: ["git init -q", "git branch topic"],
    };
    const [task] = await heldOut({ document: gitBranch, learned });
    const name = task?.referenceCommands[0]?.split(" ").at(-1) ?? "";
    expect(name).not.toBe("topic");
    expect(task?.setup).toEqual(["git init -q", `git branch ${name}`]);
    expect(task?.instruction).toContain(`\`${name}\``);
  });

  it("differ by variation number and are the same for the same one", async () => {
    const [learned] = await proposed(npmPkg);
    if (learned === undefined) throw new Error("a task");
    const tasks = await Promise.all([1, 1, 2].map((seed) => heldOut({ document: npmPkg, learned, seed })));
    expect(tasks[0]).toEqual(tasks[1]);
    expect(tasks[0]).not.toEqual(tasks[2]);
  });

  it("offer no variation of a task that only shows something, and none without a value to vary", async () => {
    const reading = { instruction: "Using npm, get the `name`.", guidance: ["npm pkg get name"], files: [], setup: [] };
    const plain = { instruction: "Using npm, fix the file.", guidance: ["npm pkg fix"], files: [], setup: [] };
    await expect(heldOut({ document: npmPkg, learned: reading })).resolves.toEqual([]);
    await expect(heldOut({ document: npmPkg, learned: plain })).resolves.toEqual([]);
  });

  it("come from an unseen document with its commands as reference, if they change something and need nothing", async () => {
    const tasks = await heldOut({ document: npmPkg, count: 5 });
    expect(tasks.map(({ referenceCommands }) => referenceCommands[0])).toContain("npm pkg set bin.mynewcommand=cli.js");
    expect(tasks.flatMap(({ referenceCommands }) => referenceCommands).join()).not.toContain("publish");
  });
});
