import { describe, expect, it } from "vitest";
import { createScriptedModel } from "./scripted.ts";

const request = (prompt: string): Parameters<ReturnType<typeof createScriptedModel>["complete"]>[0] => ({
  purpose: "act",
  system: "",
  messages: [{ role: "user", content: [{ kind: "text", text: prompt }] }],
  outputTokensMax: 100,
  output: { kind: "text" },
  seed: 0,
});

describe("createScriptedModel", () => {
  it("issues as many commands as its id says and then stops", async () => {
    const model = createScriptedModel("scripted:2");
    const say = async (prompt: string): Promise<string> =>
      (await model.complete(request(prompt), new AbortController().signal)).text;
    expect(await say("")).toMatch(/ACTION: echo 1$/);
    expect(await say("<action>echo 1</action>")).toMatch(/ACTION: echo 2$/);
    expect(await say("<action>echo 1</action><action>echo 2</action>")).toMatch(/ACTION: stop\(\)$/);
  });

  it("refuses an id without a number of steps", () => {
    expect(() => createScriptedModel("scripted:many")).toThrow(expect.objectContaining({ code: "MODEL_UNKNOWN" }));
  });
});
