// Requirements: 3.11.exports
import { describe, expect, it } from "vitest";
import { aDemonstration, aModelCall, anEpisode } from "../../../test/support/export-check/demonstrations.ts";
import { atifFromEpisode } from "./atif-episode.ts";
import { atifFromDemonstration, type AtifTrajectory } from "./atif.ts";

/** The rules of the format that a type does not express; Harbor's own models check them too where Python is there. */
function expectWellFormed({ steps }: AtifTrajectory): void {
  expect(steps.map(({ step_id }) => step_id)).toEqual(steps.map((_, index) => index + 1));
  for (const step of steps) {
    const calls = new Set(step.tool_calls?.map(({ tool_call_id }) => tool_call_id));
    for (const { source_call_id } of step.observation?.results ?? []) {
      if (source_call_id !== undefined) expect(calls).toContain(source_call_id);
    }
    if (step.source !== "agent")
      expect([step.tool_calls, step.metrics, step.model_name]).toEqual([undefined, undefined, undefined]);
    if (step.llm_call_count === 0) expect(step.metrics).toBeUndefined();
  }
}

describe("atifFromDemonstration", () => {
  it("defines what its steps call and nothing that the agent never had", () => {
    const base = aDemonstration();
    const [step] = base.steps;
    if (step === undefined) throw new Error("the demonstration has no steps");
    const steps = [{ ...step, action: { kind: "browser" as const, call: "click [12]" } }];
    const { agent } = atifFromDemonstration({ ...base, environment: "browser", steps });
    const names = (agent.tool_definitions as { function: { name: string } }[]).map((each) => each.function.name);
    expect(names).toEqual(["browser", "stop"]);
  });

  it("is the environment, the constructed instruction, and the steps with their answers in the same step", () => {
    const trajectory = atifFromDemonstration(aDemonstration());

    expectWellFormed(trajectory);
    expect(trajectory.steps.map(({ source }) => source)).toEqual(["system", "user", "agent", "agent", "agent"]);
    expect(trajectory.steps[1]?.message).toBe("Set the package's license to MIT and say what it is now.");
    expect(trajectory.steps.slice(2)).toMatchInlineSnapshot(`
      [
        {
          "extra": {
            "state_hash": "2780e2d008eba4f8b30ac02f5ec0a66ce5285a29bb2d1a6c0164ea2c7dd17544",
            "summary": "package.json now has the license MIT.",
          },
          "llm_call_count": 0,
          "message": "\`npm pkg set\` writes a field of package.json.",
          "observation": {
            "results": [
              {
                "content": "[working directory /workspace]
      [exit code 0]",
                "extra": {
                  "exit_code": 0,
                  "killed": null,
                },
                "source_call_id": "call-3",
              },
            ],
          },
          "source": "agent",
          "step_id": 3,
          "tool_calls": [
            {
              "arguments": {
                "command": "npm pkg set license=MIT",
              },
              "function_name": "shell",
              "tool_call_id": "call-3",
            },
          ],
        },
        {
          "extra": {
            "state_hash": "2780e2d008eba4f8b30ac02f5ec0a66ce5285a29bb2d1a6c0164ea2c7dd17544",
            "summary": "The license was shown.",
          },
          "llm_call_count": 0,
          "message": "The field is read back.",
          "observation": {
            "results": [
              {
                "content": "[working directory /workspace]
      "MIT"
      [exit code 0]",
                "extra": {
                  "exit_code": 0,
                  "killed": null,
                },
                "source_call_id": "call-4",
              },
            ],
          },
          "source": "agent",
          "step_id": 4,
          "tool_calls": [
            {
              "arguments": {
                "command": "npm pkg get license",
              },
              "function_name": "shell",
              "tool_call_id": "call-4",
            },
          ],
        },
        {
          "extra": {
            "appended_by": "backward-construction",
          },
          "llm_call_count": 0,
          "message": "",
          "source": "agent",
          "step_id": 5,
          "tool_calls": [
            {
              "arguments": {
                "answer": "MIT",
              },
              "function_name": "stop",
              "tool_call_id": "call-5",
            },
          ],
        },
      ]
    `);
  });

  it("says that no language model took part, on the trajectory and on each step", () => {
    const base = aDemonstration();
    const offline = atifFromDemonstration(base);
    expect(offline.notes).toContain("Offline rules, no LLM.");
    expect(offline.steps.slice(2).map((step) => step.llm_call_count)).toEqual([0, 0, 0]);

    const bought = atifFromDemonstration(
      aDemonstration({ lineage: { ...base.lineage, isOffline: false, models: { act: "gemini:g" } } }),
    );
    expect(bought.notes).not.toContain("no LLM");
    expect(bought.agent.model_name).toBe("gemini:g");
    expect(bought.steps.some((step) => "llm_call_count" in step)).toBe(false);
  });

  it("appends no answer where none was constructed", () => {
    const { steps } = atifFromDemonstration(aDemonstration({ answer: null }));
    expect(steps.at(-1)?.tool_calls?.[0]?.function_name).toBe("shell");
  });
});

describe("atifFromEpisode", () => {
  it("sums the tokens of each step's language-model calls, cached input included", () => {
    const trajectory = atifFromEpisode(anEpisode());

    expectWellFormed(trajectory);
    const [model, offline, closing] = trajectory.steps.slice(2);
    expect(model).toMatchObject({
      model_name: "claude-x-2026-01-01",
      llm_call_count: 1,
      metrics: { prompt_tokens: 1050, completion_tokens: 40, cached_tokens: 900 },
      extra: { retrieved: [{ demonstrationId: "demo-7", rank: 0 }] },
    });
    expect([offline?.llm_call_count, offline?.metrics]).toEqual([0, undefined]);
    expect(closing?.tool_calls?.[0]).toMatchObject({ function_name: "stop", arguments: { answer: "MIT" } });
    expect(trajectory.final_metrics).toEqual({
      total_prompt_tokens: 2100,
      total_completion_tokens: 80,
      total_cached_tokens: 1800,
      total_steps: 5,
    });
  });

  it("counts a query for retrieval as a call of its step", () => {
    const episode = anEpisode();
    episode.trajectory.steps[0]!.turn.calls = [aModelCall({ purpose: "retrieval-query" }), aModelCall()];

    expect(atifFromEpisode(episode).steps[2]).toMatchObject({
      llm_call_count: 2,
      metrics: { completion_tokens: 80 },
    });
  });

  it("records how it ended", () => {
    expect(
      atifFromEpisode(anEpisode({ reason: "step-limit", closing: null, answer: null })).extra.hindcast,
    ).toMatchObject({
      end_reason: "step-limit",
      evaluation: { verdict: "success" },
    });
  });
});
