// Requirements: 3.6.kinds, 3.10.offline
import { describe, expect, it } from "vitest";
import { aDemonstration } from "../../../../test/support/messages.ts";
import { aTrajectory } from "../../../../test/support/builders.ts";
import { ScriptedModel } from "../../../../test/support/scripted-model.ts";
import type { Document } from "../../domain/document.ts";
import type { DemonstrationId, DocumentId } from "../../domain/ids.ts";
import { networkOfRules } from "../../domain/network-rule-text.ts";
import type { RetrievedReference } from "../../domain/trajectory.ts";
import { estimateTokens } from "../../tokens.ts";
import type { ModelMessage } from "../model/model.ts";
import { act } from "./act.ts";
import { ask } from "./ask.ts";
import { budgets, clip } from "./budgets.ts";
import { environmentDescription } from "./environment-description.ts";
import { evaluationTask } from "./evaluation-task.ts";
import { judge } from "./judge.ts";
import { newTask } from "./new-task.ts";
import { outputSchema } from "./output-schema.ts";
import type { ActInput, Prompt } from "./prompt.ts";
import { retrievalQuery } from "./retrieval-query.ts";
import { rewriteReasons } from "./rewrite-reasons.ts";
import { sectionsAreData } from "./sections.ts";
import { selfInstruct } from "./self-instruct.ts";
import { summariseTransition } from "./summarise-transition.ts";
import { trajectorySection } from "./trajectory-sections.ts";

const trajectory = aTrajectory(
  { command: "ls", state: "start", text: "a.txt" },
  { command: "cat a.txt", state: "start", text: "hello" },
);
const summaries = ["`ls` listed a.txt", "`cat` showed hello"];
const [first, second] = trajectory.steps;
if (first === undefined || second === undefined) throw new Error("the trajectory has two steps");
const document: Document = {
  id: "doc-1" as DocumentId,
  source: "a.md",
  part: 0,
  title: "A",
  headingPath: ["A"],
  text: "Run `ls`.",
  tokens: 2,
};
const reference: RetrievedReference = {
  demonstrationId: "demo-1" as DemonstrationId,
  position: null,
  retriever: "model-dense",
  rank: 0,
  score: 1,
};

const actInput: ActInput = {
  instruction: "Show a.txt",
  asksForAnswer: true,
  guidance: [],
  trajectory,
  demonstrations: [{ demonstration: aDemonstration(1), reference }],
  environment: environmentDescription("shell"),
  stepsLeft: 3,
  problems: [],
};

const rendered = {
  selfInstruct: selfInstruct.render({ document, count: 3, environment: "e" }),
  evaluationTask: evaluationTask.render({ document, learned: null, count: 1, environment: "e", seed: 1 }),
  act: act.render(actInput),
  retrievalQuery: retrievalQuery.render({ instruction: "Show a.txt", trajectory }),
  summariseTransition: summariseTransition.render({
    before: trajectory.initial,
    action: first.turn.action,
    after: first.observed,
  }),
  newTask: newTask.render({ trajectory, summaries }),
  rewriteReasons: rewriteReasons.render({ instruction: "Show a.txt", trajectory, summaries }),
  judge: judge.render({ instruction: "Show a.txt", expectedResult: null, trajectory, summaries, answer: "hello" }),
};
const prompts: Prompt<never, unknown>[] = [
  selfInstruct,
  evaluationTask,
  act,
  retrievalQuery,
  summariseTransition,
  newTask,
  rewriteReasons,
  judge,
];

const textOf = (messages: ModelMessage[]): string =>
  messages.flatMap(({ content }) => content.map(({ text }) => text)).join("");

describe("every prompt", () => {
  it.each(Object.entries(rendered))(
    "%s says that its sections are data and ends with a user message",
    (_name, { system, messages }) => {
      expect(system).toContain(sectionsAreData);
      expect(messages.at(-1)?.role).toBe("user");
    },
  );

  it("has a hash of its own that does not depend on the input", () => {
    const hashes = prompts.map(({ hash }) => hash);
    expect(new Set(hashes).size).toBe(prompts.length);
    for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it("asks for closed objects with plain types where it asks for JSON", () => {
    for (const { output } of prompts) {
      if (output.kind === "json")
        expect(outputSchema(output.schema)).toMatchObject({ type: "object", additionalProperties: false });
    }
  });
});

describe("the prompt of the policy", () => {
  const { system, messages } = rendered.act;
  const text = `${system}\n${textOf(messages)}`;

  it("keeps the order of the paper's sections", () => {
    const places = [
      "SYSTEM MESSAGE",
      "ADDITIONAL INFORMATION FOR REFERENCE",
      "\nOBJECTIVE",
      "INTERACTION HISTORY",
      "\nOBSERVATIONS",
    ].map((words) => text.indexOf(words));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places[0]).toBeGreaterThanOrEqual(0);
  });

  it("leaves the reference section out without demonstrations", () => {
    expect(textOf(act.render({ ...actInput, demonstrations: [] }).messages)).not.toContain("ADDITIONAL INFORMATION");
  });

  it("shows an observation of each past step once, and the present one last", () => {
    expect(text.match(/\nhello\n/g)).toHaveLength(1);
    expect(text.lastIndexOf("hello")).toBeGreaterThan(text.indexOf("\nOBSERVATIONS"));
  });

  it("extends the cacheable prefix of the turn before", () => {
    const one = act.render({ ...actInput, trajectory: { ...trajectory, steps: [first] } }).messages[0]?.content ?? [];
    const two = messages[0]?.content ?? [];
    const prefix = one
      .slice(0, one.findLastIndex(({ cacheable }) => cacheable === true) + 1)
      .map(({ text: part }) => part);
    expect(prefix.length).toBeGreaterThan(2);
    expect(two.slice(0, prefix.length).map(({ text: part }) => part)).toEqual(prefix);
  });

  it("never marks more places to cache than providers take", () => {
    expect((messages[0]?.content ?? []).filter(({ cacheable }) => cacheable === true).length).toBeLessThanOrEqual(3);
  });

  it("does not show the effects that only a look back may know", () => {
    const changed = {
      ...trajectory,
      steps: [
        {
          ...first,
          observed: {
            ...first.observed,
            effects: [{ change: "created" as const, path: "/workspace/secret-effect", before: null, after: "" }],
          },
        },
      ],
    };
    expect(textOf(act.render({ ...actInput, trajectory: changed }).messages)).not.toContain("secret-effect");
  });

  it("stays within its budgets however long the observations and the history are", () => {
    const long = aTrajectory(
      ...Array.from({ length: 120 }, (_, index) => ({
        command: `echo ${index}`,
        state: `s${index}`,
        text: "x".repeat(50_000),
      })),
    );
    const whole = textOf(act.render({ ...actInput, trajectory: long, demonstrations: [] }).messages);
    expect(estimateTokens(whole)).toBeLessThan(budgets.history + budgets.observation + 1_000);
    expect(whole).toMatch(/The first \d+ steps are left out/);
    expect(whole).toContain("characters cut");
  });

  it("shows what was wrong with earlier answers of the same turn", () => {
    expect(textOf(act.render({ ...actInput, problems: ["two actions"] }).messages)).toContain("two actions");
  });
});

describe("a look back on a window", () => {
  const steps = 120;
  const long = aTrajectory(
    ...Array.from({ length: steps }, (_, index) => ({
      command: `echo ${index} ${"y".repeat(20_000)}`,
      state: `s${index}`,
      text: "x".repeat(50_000),
    })),
  );
  for (const { observed } of long.steps) {
    observed.effects = Array.from({ length: 30 }, (_, n) => ({
      change: "created" as const,
      path: `/workspace/${n}`,
      before: null,
      after: "z".repeat(400),
    }));
  }
  const sentences = Array.from({ length: steps }, (_, index) => `\`echo ${index}\` printed its words.`);

  it("names the changed files of a long one, of each a little, however large the first is", () => {
    const changed = aTrajectory(
      ...Array.from({ length: steps }, (_, index) => ({ command: "make", state: `s${index}` })),
    );
    for (const { observed } of changed.steps) {
      observed.effects = ["big.log", "small.txt"].map((path) => ({
        change: "created" as const,
        path,
        before: null,
        after: path === "big.log" ? "z".repeat(100_000) : "end",
      }));
    }
    const text = trajectorySection(
      changed,
      Array.from({ length: steps }, () => "word ".repeat(300)),
    );
    expect(text.match(/path="small.txt"/g)).toHaveLength(steps);
    expect(estimateTokens(text)).toBeLessThan(budgets.window + steps * 100);
  });

  it("shows less of each step of a long one, so that the whole fits a context window", () => {
    const text = trajectorySection(long, sentences);
    // Beside the shares: a sentence, the tags and the marks of what was cut.
    expect(estimateTokens(text)).toBeLessThan(budgets.window + steps * 100);
    expect(text.match(/<step /g)).toHaveLength(steps);
    expect(text).toContain(sentences.at(-1));
    expect(text.match(/<effect /g)?.length).toBeGreaterThan(steps);
  });

  it("shows each step of a short one up to its own budgets", () => {
    const short = { ...long, steps: long.steps.slice(0, 2) };
    expect(trajectorySection(short, [])).toContain("y".repeat(20_000));
    expect(trajectorySection(short, []).match(/<effect /g)).toHaveLength(60);
  });
});

describe("the instruction of a window", () => {
  const given = (partial: object): string =>
    JSON.stringify({ instruction: "Which files are there?", asksForAnswer: true, expectedResult: "a.txt", ...partial });

  it.each([null, " "])("is asked for again when its question has no answer: %j", async (answer) => {
    const said = [given({ answer }), given({ answer: "a.txt" })];
    const model = new ScriptedModel("m", () => said.shift() ?? "");
    const asked = await ask(
      model,
      newTask,
      { trajectory, summaries },
      { seed: 1, signal: new AbortController().signal },
    );
    expect(asked).toMatchObject({ ok: true, value: { answer: "a.txt" } });
    expect(JSON.stringify(model.requests[1]?.messages.at(-1))).toContain("answer must hold the answer");
  });
});

describe("the description of the shell", () => {
  it("names what the campaign's rules open instead of denying the network", () => {
    const network = networkOfRules(["tunnel pypi.org", "http *.example.org:8080"]);
    const open = environmentDescription("shell", network);
    expect(open).toContain("only this can be reached");
    expect(open).toContain("tunnel pypi.org:443, http *.example.org:8080. There is no display");
    expect(open).not.toContain("no network");
    for (const closed of [undefined, { kind: "none" as const }]) {
      expect(environmentDescription("shell", closed)).toContain("There is no network,");
    }
  });
});

describe("cutting", () => {
  it("keeps head and tail, says how much is missing, and never splits a character", () => {
    const cut = clip(`${"a".repeat(500)}${"😀".repeat(500)}end`, 50);
    expect(cut).toMatch(/^aaa[\s\S]*characters cut[\s\S]*end$/);
    expect(cut.isWellFormed()).toBe(true);
  });
});
