// Requirements: 6.15.offline-pages
import { describe, expect, it } from "vitest";
import { aDemonstration } from "../../../../../../test/support/messages.ts";
import type { Demonstration } from "../../../../domain/demonstration.ts";
import type { DemonstrationId } from "../../../../domain/ids.ts";
import { Observed } from "../../../../domain/observation.ts";
import type { Trajectory } from "../../../../domain/trajectory.ts";
import { actIn } from "../../../prompt/act.ts";
import { browserLanguage } from "../../../prompt/action-language/browser-language.ts";
import { newTask } from "../../../prompt/new-task.ts";
import type { ActInput } from "../../../prompt/prompt.ts";
import { earlyStopReason } from "../../../benchmark/browser/early-stop.ts";
import { verifiedInstruction } from "../../../benchmark/webarena/verified-task.ts";
import type { CompletionRequest } from "../../model.ts";
import { createOfflineModel } from "../index.ts";

const forms = "The actions, for example click [3]:\n- click [id]\n- type [id] [text] [1]";
const never = new AbortController().signal;
const prompt = actIn(browserLanguage);

function page(goal: string | null, ...elements: string[]): Observed {
  const lines = elements.map((element, index) => `\t[${index + 2}] ${element}`);
  const text = `${goal === null ? "" : `Goal: ${goal}\n`}Tab 0 (current): A page\n\n[1] RootWebArea 'A page' focused: True\n${lines.join("\n")}`;
  const observation = { kind: "page", text, url: "http://a.test/", title: "A page", error: null, omittedBytes: 0 };
  return Observed.parse({ observation, stateHash: "0".repeat(64), effects: [], effectsOmitted: 0, snapshot: null });
}

/** Steps that leave the page as it looks. */
function trajectoryOf(shown: Observed, calls: readonly { call: string; reason: string }[]): Trajectory {
  return {
    initial: shown,
    steps: calls.map(({ call, reason }, index) => ({
      index: index + 1,
      turn: { action: { kind: "browser", call }, reason },
      observed: shown,
    })),
  } as unknown as Trajectory;
}

function demonstrationOf(instruction: string, shown: Observed, calls: readonly string[]): Demonstration {
  const demonstration = aDemonstration(1);
  const [step] = demonstration.steps;
  if (step === undefined) throw new Error("a demonstration has steps");
  return {
    ...demonstration,
    instruction: { ...demonstration.instruction, text: instruction },
    initial: shown.observation,
    steps: calls.map((call) => ({ ...step, action: { kind: "browser", call }, observation: shown.observation })),
  };
}

async function ask(
  { system, messages }: ReturnType<typeof prompt.render>,
  purpose: CompletionRequest["purpose"] = "act",
): Promise<string> {
  const request = { purpose, system, messages, outputTokensMax: 1_000, output: { kind: "text" }, seed: 1 };
  const { text } = await createOfflineModel("offline:rules").complete(request as CompletionRequest, never);
  return text;
}

/** All calls until it stops, on a page that stays as it is. */
async function play(
  shown: Observed,
  input: Partial<ActInput>,
  onCall: (call: string) => void = () => undefined,
): Promise<string[]> {
  const done: { call: string; reason: string }[] = [];
  for (let turn = 0; turn < 10; turn += 1) {
    const answer = await ask(
      prompt.render({
        instruction: "Reach the goal that the page states in its first line.",
        asksForAnswer: false,
        guidance: [],
        trajectory: trajectoryOf(shown, done),
        demonstrations: [],
        environment: forms,
        stepsLeft: 9,
        problems: [],
        ...input,
      }),
    );
    const [, reason = "", call = ""] = /^REASON: ([\s\S]*)\nACTION: (.*)$/.exec(answer) ?? [];
    onCall(call);
    if (call.startsWith("stop(")) return done.map((each) => each.call);
    done.push({ call, reason });
  }
  throw new Error(`it does not stop: ${JSON.stringify(done)}`);
}

const reference = {
  demonstrationId: "demo-1" as DemonstrationId,
  position: null,
  retriever: "model-dense" as const,
  rank: 0,
  score: 1,
};
const showing = (...demonstrations: Demonstration[]): Partial<ActInput> => ({
  demonstrations: demonstrations.map((demonstration) => ({ demonstration, reference })),
});

const login = page(
  'Enter the username "ann" and the password "x7" into the text fields and press login.',
  "StaticText 'Username'",
  "textbox '' required: False",
  "StaticText 'Password'",
  "textbox '' required: False",
  "button 'Login'",
);
const boxes = page(
  "Select KqP, 4tZ and click Submit.",
  "checkbox 'zz' checked: false",
  "checkbox '4tZ' checked: false",
  "checkbox 'KqP' checked: false",
  "button 'Submit'",
);

describe("the offline actor on a page", () => {
  it("follows a document's steps, finding the elements that the page's goal names", async () => {
    const guidance = ['click [checkbox "<name>"]', 'click [button "Submit"]'];
    expect(await play(boxes, { guidance })).toEqual(["click [3]", "click [4]", "click [5]"]);
    const twice = [
      'type [textbox "" 1] [<username>] [0]',
      'type [textbox "" 2] [<password>] [0]',
      'click [button "Login"]',
    ];
    expect(await play(login, { guidance: twice })).toEqual(["type [3] [ann] [0]", "type [5] [x7] [0]", "click [6]"]);
  });

  it("carries a demonstration over to another page: other ids, other names, another number of them", async () => {
    const other = page(
      "Select one and click Submit.",
      "heading 'Choose'",
      "checkbox 'one' checked: false",
      "checkbox 'two' checked: false",
      "StaticText ''",
      "button 'Submit'",
    );
    const demonstration = demonstrationOf('Select the checkbox "one" and click on the button "Submit".', other, [
      "click [3]",
      "click [6]",
    ]);
    expect(await play(boxes, showing(demonstration))).toEqual(["click [3]", "click [4]", "click [5]"]);
    const logins = page(
      'Enter the username "bob" and the password "q" into the text fields and press login.',
      "textbox ''",
      "textbox ''",
      "button 'Login'",
    );
    const text =
      'Enter "bob" into the first text field, enter "q" into the second text field and click on the button "Login".';
    expect(
      await play(
        login,
        showing(demonstrationOf(text, logins, ["type [2] [bob] [0]", "type [3] [q] [0]", "click [4]"])),
      ),
    ).toEqual(["type [3] [ann] [0]", "type [5] [x7] [0]", "click [6]"]);
  });

  it("prefers the demonstration of the whole task to those of its parts", async () => {
    const form = (name: string): Observed =>
      page(
        `Enter "${name}" into the text field and press Submit.`,
        `StaticText 'Enter "'`,
        `StaticText '${name}'`,
        `StaticText '" into the text field and press Submit.'`,
        "textbox '' required: False",
        "button 'Submit'",
      );
    const shown = form("Agustina");
    const demonstrations = showing(
      demonstrationOf('Click on the button "Submit".', shown, ["click [6]"]),
      demonstrationOf('Enter "Agustina" into the text field.', shown, ["type [5] [Agustina] [0]"]),
      demonstrationOf('Replicate the following: Clicked on the button "Submit".', shown, ["click [6]"]),
      demonstrationOf('Enter "Agustina" into the text field and click on the button "Submit".', shown, [
        "type [5] [Agustina] [0]",
        "click [6]",
      ]),
    );
    expect(await play(form("Myron"), demonstrations)).toEqual(["type [5] [Myron] [0]", "click [6]"]);
  });

  describe("on a site, whose tasks ask for a last line of JSON", () => {
    const inForm = (intent: string): string => verifiedInstruction({ intent });
    const beacon = page(null, "link 'Issues'", "link 'Issues 10'", "link 'beacon'", "button 'Star'");
    const tables = page(
      null,
      "heading 'Tables'",
      "link 'Issues'",
      "link 'Issues 6'",
      "link 'tide-tables'",
      "button 'Star'",
    );
    const lastLine = async (shown: Observed, input: Partial<ActInput>): Promise<unknown[]> => {
      const calls: string[] = [];
      const answers: string[] = [];
      await play(shown, input, (call) => (call.startsWith("stop(") ? answers : calls).push(call));
      return [calls, JSON.parse(JSON.parse(/^stop\((.+)\)$/.exec(answers[0] ?? "")?.[1] ?? '"null"') as string)];
    };

    it("follows the demonstration of the wish, whatever the form of the answer is, and claims what it did", async () => {
      const shown = showing(
        demonstrationOf('Click on the button "Star" of the repository beacon.', beacon, ["click [5]"]),
      );
      const instruction = inForm("Star the repository tide-tables");
      expect(await lastLine(tables, { ...shown, instruction })).toEqual([
        ["click [6]"],
        { task_type: "MUTATE", status: "SUCCESS", retrieved_data: null, error_details: null },
      ]);
    });

    it("knows a wish by the names of what is clicked on, or by what it opens", async () => {
      const home = page(
        null,
        "link 'lanternworks/beacon'",
        "link 'lanternworks/firmware'",
        "link 'Travel'",
        "link 'handbook'",
        "button 'Star'",
      );
      const star = demonstrationOf('Click on the link "lanternworks/firmware" and click on the button "Star".', home, [
        "click [3]",
        "click [6]",
      ]);
      const open = demonstrationOf('Click on the link "Visitors".', page(null, "link 'Visitors'", "link 'Home'"), [
        "click [2]",
      ]);
      const shown = showing(star, open);
      expect(
        (await lastLine(home, { ...shown, instruction: inForm("Star the repository lanternworks/beacon") }))[0],
      ).toEqual(["click [2]", "click [6]"]);
      expect(
        (await lastLine(home, { ...shown, instruction: inForm('Open the page "Travel" of the handbook') }))[0],
      ).toEqual(["click [4]"]);
    });

    it("takes a link whose name holds another count, once", async () => {
      const shown = showing(
        demonstrationOf('Click on the link "beacon" and click on the link "Issues 10".', beacon, [
          "click [4]",
          "click [3]",
        ]),
      );
      const instruction = inForm('Open the link "tide-tables" and its issues');
      expect(await lastLine(tables, { ...shown, instruction })).toEqual([
        ["click [5]", "click [4]"],
        { task_type: "NAVIGATE", status: "SUCCESS", retrieved_data: null, error_details: null },
      ]);
    });

    it("reads names without the glyphs of icons, and looks further down for what it does not see", async () => {
      const menu = page(null, "link 'Shop'", "link '\uf080 Reports'");
      const environment = `${forms}\n- scroll [up] or scroll [down]`;
      expect(await lastLine(menu, { guidance: ['click [link "Reports"]'], environment })).toEqual([
        ["click [3]"],
        null,
      ]);
      const [calls] = await lastLine(menu, { guidance: ['click [link "Orders"]'], environment });
      expect(calls).toEqual(["scroll [down]", "scroll [down]"]);
      // It gives up on its own: an episode that a rule of the world ended would be no record of having looked.
      expect(earlyStopReason(calls as string[])).toBeNull();
      expect(await lastLine(menu, { guidance: ['click [link "Orders"]'] })).toEqual([[], null]);
    });

    it("claims nothing where it found nothing to follow", async () => {
      expect(await lastLine(tables, { instruction: inForm("How many issues has tide-tables?") })).toMatchObject([
        [],
        { task_type: "RETRIEVE", status: "UNKNOWN_ERROR" },
      ]);
    });
  });

  it("without one tries a single call of the listed forms, and no more", async () => {
    expect(await play(page('Click on the "no" button.', "button 'yes'", "button 'no'"), {})).toEqual(["click [3]"]);
    expect(await play(boxes, {})).toEqual(["click [3]"]);
    expect(await play(login, {})).toEqual([]);
  });
});

describe("the offline relabeller", () => {
  it("says what was done on pages by roles and names, never by ids", async () => {
    const trajectory = trajectoryOf(login, [
      { call: "type [3] [ann] [0]", reason: "" },
      { call: "click [6]", reason: "" },
    ]);
    const request = newTask.render({ trajectory, summaries: ["", ""] });
    const answer: unknown = JSON.parse(await ask(request, "new-task-instruction"));
    expect(answer).toMatchObject({
      instruction: 'Enter "ann" into the first text field and click on the button "Login".',
      asksForAnswer: false,
    });
  });
});
