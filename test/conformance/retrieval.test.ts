// The native index against retrieval as it is specified (support/retrieval-oracle.ts).
// Requirements: 3.8.index
import type { Demonstration, Filter, RetrievalAnswer, RetrievalQuery } from "@hindcast/shared";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { DemonstrationIndex } from "@hindcast/index-core";
import { expectedAnswer } from "../support/retrieval-oracle.ts";
import { aDemonstrationOf, aRetrievalQuery } from "../support/retrieval.ts";

// A small vocabulary makes words, observations, episodes and actions meet often.
const word = fc.constantFrom(
  ..."git commit commits committing tag README.md v2 parseHTTPServer snake_case_name created file files the log größe 文件".split(
    " ",
  ),
);
const sentence = fc.array(word, { maxLength: 8 }).map((words) => words.join(" "));
const observation = fc.oneof(
  sentence,
  fc.constantFrom("git commit", "the log file created"),
  fc.constantFrom("", "  ", "[working directory /workspace]", "\u001b[1mgit\u001b[0m  log\r\n", "git log"),
);
/** Sometimes so much alike that four fifths of the words are the same, or just fewer. */
const instruction = fc.oneof(
  sentence.map((text) => text || "?"),
  fc.constantFrom("Create the files log and tags", "create file log and the tag now"),
  fc.subarray("Create the files log and commit tags".split(" "), { minLength: 5 }).map((words) => words.join(" ")),
);
const demonstrations = fc.array(
  fc.record({
    environment: fc.constantFrom("shell", "shell", "shell", "web"),
    document: fc.constantFrom("doc-1", "doc-2"),
    task: fc.constantFrom("task-1", "task-2", "task-3"),
    episode: fc.constantFrom("ep-1", "ep-2", "ep-3", "ep-4"),
    kind: fc.constantFrom("new-task" as const, "replicate" as const),
    replay: fc.constantFrom("verified" as const, "diverged" as const),
    models: fc.constantFrom({}, { act: "offline:rules" }, { act: "a", judge: "b" }),
    instruction,
    initial: observation,
    steps: fc.array(fc.record({ command: fc.constantFrom("ls", "ls", "git log"), observation, summary: sentence }), {
      minLength: 1,
      maxLength: 3,
    }),
    answer: fc.constantFrom(null, null, "42"),
  }),
  { maxLength: 25 },
);
const leaf = fc.oneof(
  fc.constantFrom<Filter>(
    { eq: ["kind", "replicate"] },
    { eq: ["model", "b"] },
    { eq: ["campaign", "c-unknown"] },
    { in: ["document", ["doc-1", "doc-9"]] },
    { in: ["replay", []] },
  ),
);
const filter = fc.oneof(
  leaf,
  fc.array(leaf, { maxLength: 3 }).map((and): Filter => ({ and })),
  fc.array(leaf, { maxLength: 3 }).map((or): Filter => ({ or })),
  leaf.map((not): Filter => ({ not })),
);
const someOf = (...values: string[]): fc.Arbitrary<string[]> =>
  fc.oneof(fc.constant<string[]>([]), fc.subarray(values));
const queries = fc
  .record({
    environment: fc.constantFrom("shell", "shell", "shell", "web", "none"),
    observation: fc.option(observation),
    query: fc.option(sentence),
    observationBased: fc.nat(6),
    modelBased: fc.nat(6),
    filter: fc.option(filter),
    exclude: fc.record({
      demonstrations: someOf("demo-0", "demo-3"),
      tasks: someOf("task-1"),
      documents: someOf("doc-2"),
      episodes: someOf("ep-4", "ep-5"),
    }),
    perTrajectoryMax: fc.integer({ min: 1, max: 4 }),
    tokenBudget: fc.oneof(fc.constant(1_000_000), fc.integer({ min: 1, max: 200 })),
  })
  .map(aRetrievalQuery);

const opened: DemonstrationIndex[] = [];
afterAll(async () => {
  await Promise.all(opened.map((index) => index.close()));
});
async function anIndex(): Promise<DemonstrationIndex> {
  const index = await DemonstrationIndex.open();
  opened.push(index);
  return index;
}

/** What an answer says, without the demonstrations' content. */
function gist({ hits, dropped }: RetrievalAnswer): object {
  return { dropped, hits: hits.map(({ reference, tokens }) => ({ ...reference, tokens })) };
}

async function agrees(index: DemonstrationIndex, corpus: Demonstration[], asked: RetrievalQuery[]): Promise<void> {
  const answers = await index.search(asked);
  const expected = asked.map((query) => expectedAnswer(corpus, query));
  expect(answers.map(gist)).toEqual(expected.map(gist));
  expect(answers).toEqual(expected);
}

test("answers are those of a brute-force search by the stated rules", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(demonstrations, fc.array(queries, { minLength: 1, maxLength: 4 }), async (all, asked) => {
      const corpus = all.map((words, n) => aDemonstrationOf(n, words));
      const index = await anIndex();
      await index.upsert(corpus);
      await agrees(index, corpus, asked);
      await index.close();
    }),
    { numRuns: 150 },
  );
});

test(
  "an index that lived through replacements and removals answers like one built anew",
  { timeout: 120_000 },
  async () => {
    const change = fc.oneof(
      { weight: 3, arbitrary: fc.record({ n: fc.nat(12), words: demonstrations.map(([words]) => words ?? {}) }) },
      fc.record({ n: fc.nat(12), words: fc.constant(null) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 40 }),
        fc.array(queries, { minLength: 1, maxLength: 3 }),
        async (changes, asked) => {
          const index = await anIndex();
          const live = new Map<number, Demonstration>();
          for (const { n, words } of changes) {
            const demonstration = aDemonstrationOf(n, words ?? {});
            if (words === null) {
              expect(await index.remove([demonstration.id])).toBe(live.delete(n) ? 1 : 0);
            } else {
              await index.upsert([demonstration]);
              live.set(n, demonstration);
            }
          }
          await agrees(index, [...live.values()], asked);
          expect((await index.stats()).demonstrations).toBe(live.size);
          await index.close();
        },
      ),
      { numRuns: 80 },
    );
  },
);

test("an observation seen before is found exactly, then by its words, and the query's finds come after", async () => {
  const index = await anIndex();
  await index.upsert([
    aDemonstrationOf(1, { initial: "On branch main\nnothing to commit", instruction: "Create an annotated tag" }),
    aDemonstrationOf(2, { initial: "On branch  main\r\nnothing to commit\n", instruction: "Show the last commit" }),
    aDemonstrationOf(3, {
      initial: "README.md",
      instruction: "Find out which branch is checked out",
      steps: [{ command: "git status", observation: "On branch topic" }],
    }),
    aDemonstrationOf(4, {
      initial: "package.json",
      instruction: "Tag the release",
      steps: [{ command: "git tag -a" }],
    }),
    aDemonstrationOf(5, { initial: "empty", instruction: "Install a package", steps: [{ command: "npm install" }] }),
  ]);
  const [answer] = await index.search([
    aRetrievalQuery({
      observation: "\u001b[32mOn branch main\u001b[0m\nnothing to commit",
      query: "show the latest commit and tag it",
      observationBased: 3,
      modelBased: 1,
    }),
  ]);
  const found = answer?.hits.map(({ reference: { demonstrationId, retriever, position } }) => [
    demonstrationId,
    retriever,
    position,
  ]);
  expect(found).toEqual([
    ["demo-2", "observation-exact", 0],
    ["demo-1", "observation-exact", 0],
    ["demo-3", "observation-bm25", 1],
    ["demo-4", "model-dense", null],
  ]);
});

test("caps and near-duplicates never make an answer short while others pass", async () => {
  const index = await anIndex();
  const flood = Array.from({ length: 400 }, (_, n) =>
    aDemonstrationOf(`flood-${n}`, {
      episode: "ep-flood",
      instruction: `Tag the release ${n}`,
      steps: [{ command: `git tag ${n}` }],
    }),
  );
  const copies = Array.from({ length: 400 }, (_, n) =>
    aDemonstrationOf(`copy-${n}`, { instruction: "Tag the release" }),
  );
  const others = Array.from({ length: 5 }, (_, n) =>
    aDemonstrationOf(`other-${n}`, { instruction: `Unrelated ${n} release`, steps: [{ command: `true ${n}` }] }),
  );
  await index.upsert([...flood, ...copies, ...others]);
  const [answer] = await index.search([
    aRetrievalQuery({ query: "tag the release", modelBased: 7, perTrajectoryMax: 1 }),
  ]);
  expect(answer?.hits.length).toBe(7);
  expect(answer?.hits.filter(({ demonstration }) => demonstration.id.startsWith("demo-other-")).length).toBe(5);
  expect(answer?.dropped).toEqual({ duplicate: 399, perTrajectory: 399, tokenBudget: 0 });
});
