// Worlds that users plug in: the conformance suite over each way in which they are spoken to, and what the example
// world (rollout-agent/examples/todo_world.py) shows beyond it.
// Requirements: 6.16.process, 6.16.http, 6.16.actions, 6.16.example, 6.16.mcp
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import type { Action, EnvironmentSpec, TaskReference } from "@hindcast/shared";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Environment } from "../../rollout-agent/src/environment/environment.ts";
import { createEnvironmentProvider } from "../../rollout-agent/src/environment/index.ts";
import { readWorldsFile, WorldConfiguration } from "../../rollout-agent/src/environment/plug-in/world-configuration.ts";
import { mcpProcess, type McpService, mcpService, startMcpService } from "../support/worlds/mcp-todo.ts";
import { examplesFolder, startTodoService, todoProcess, type TodoService, worldsOf } from "../support/worlds/worlds.ts";
import { environmentSuite, suiteLimits, unjudged } from "./environment-suite.ts";
import { never, provider } from "./sandbox-fixture.ts";

const root = new URL("../../", import.meta.url).pathname;
let service: TodoService;
let mcp: McpService;
const opened: Environment[] = [];
let count = 0;

beforeAll(async () => {
  service = await startTodoService();
  mcp = await startMcpService();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await mcp[Symbol.asyncDispose]();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((environment) => environment.close()));
});

const worlds = () =>
  worldsOf({
    "todo-process": todoProcess,
    "todo-http": { kind: "http", url: service.url, headers: {} },
    "mcp-process": mcpProcess(),
    "mcp-http": mcpService(mcp.url),
  });
const plugIns = (kind: EnvironmentSpec["kind"] = "external") =>
  createEnvironmentProvider(kind, { sandboxes: provider, worlds: worlds() });
const spec = (world: string, parameters: Record<string, string[]> = {}): EnvironmentSpec => ({
  kind: "external",
  world,
  parameters,
  seed: 1,
});
const add = (title: string): Action => ({ kind: "tool", name: "add_item", input: { title } });
const call = (name: string, input: Record<string, string | number> = {}): Action => ({ kind: "tool", name, input });

for (const [name, hasImages] of [
  ["todo-process", true],
  ["todo-http", true],
  ["mcp-process", false],
  ["mcp-http", false],
] as const) {
  environmentSuite(name, {
    spec: spec(name),
    provider: () => plugIns(),
    actions: [add("1"), add("2"), add("3")],
    hasImages,
  });
}

describe.each(["todo-process", "todo-http"])("the example world as %s", (world) => {
  function create(parameters: Record<string, string[]> = {}): Environment {
    const environment = plugIns().create({
      id: `ep-todo-${count++}`,
      spec: spec(world, parameters),
      limits: suiteLimits,
    });
    opened.push(environment);
    return environment;
  }

  it("starts as its seed and parameters say, tells of its tools, and answers", async () => {
    const environment = create({ items: ["read", "write"] });
    const { observation } = await environment.reset(never);
    expect(observation).toEqual({ kind: "text", text: "1. [ ] read\n2. [ ] write", isError: false, omittedBytes: 0 });
    expect(environment.description).toMatch(/^todo: A to-do list[^]*add_item: Adds an open item[^]*"maxLength":80/);
    expect(environment.isTextRepeatable).toBe(true);
    expect((await environment.step(call("complete_item", { number: 2 }), never)).observation.text).toBe("Completed 2.");
    expect((await environment.step(call("list_items"), never)).observation.text).toBe("1. [ ] read\n2. [x] write");
    const seeded = (await create().reset(never)).observation.text;
    expect(seeded.split("\n")).toHaveLength(3);
    expect((await create().reset(never)).observation.text).toBe(seeded);
  });

  it("names states: the way to them does not matter, and a refusal changes nothing", async () => {
    const [one, other] = [create({ items: [] }), create({ items: [] })];
    await one.reset(never);
    await other.reset(never);
    await one.step(add("a"), never);
    const reached = await one.step(call("complete_item", { number: 1 }), never);
    await other.step(add("a"), never);
    await other.step(call("list_items"), never);
    expect((await other.step(call("complete_item", { number: 1 }), never)).stateHash).toBe(reached.stateHash);
    const refused = await other.step(call("remove_item", { number: 9 }), never);
    expect(refused.observation).toMatchObject({ isError: true, text: "There is no item 9." });
    expect(refused.stateHash).toBe(reached.stateHash);
  });

  it.each([
    [call("drop_table"), /There is no tool drop_table. The tools are: list_items, add_item/],
    [call("add_item"), /add_item does not take these arguments: the arguments must have required property 'title'/],
    [call("add_item", { title: "" }), /title must NOT have fewer than 1 characters/],
    [call("complete_item", { number: "two" }), /number must be integer/],
    [call("add_item", { title: "a", colour: "red" }), /must NOT have additional properties \(colour\)/],
  ])("answers a call that it cannot take, and the world never hears of it: %j", async (action, problem) => {
    const environment = create({ items: [] });
    const { stateHash } = await environment.reset(never);
    const state = await environment.step(action, never);
    expect(state.observation).toMatchObject({ kind: "text", isError: true, text: expect.stringMatching(problem) });
    expect(state).toMatchObject({ stateHash, terminated: false });
  });

  it("judges by what the task expects, which agents are never shown", async () => {
    const environment = create({ items: ["read"] });
    await environment.reset(never);
    await environment.step(call("complete_item", { number: 1 }), never);
    const judge = (reference: TaskReference): Promise<object> =>
      environment.evaluate({ ...unjudged, reference }, never);
    expect(await judge({ kind: "external", expected: { done: ["read"] } })).toMatchObject({
      verdict: "success",
      evaluator: "world",
      score: 1,
    });
    expect(await judge({ kind: "external", expected: { open: ["read"] } })).toMatchObject({
      verdict: "failure",
      detail: expect.stringContaining("expected ['read']"),
    });
    expect(await judge({ kind: "world-reward" })).toMatchObject({
      verdict: "unknown",
      detail: expect.stringContaining("no reward"),
    });
    expect(await judge({ commands: ["true"] })).toMatchObject({ verdict: "unknown" });
  });

  it("says when a start state cannot be reached: the task is unavailable", async () => {
    const environment = create({ items: "none" as unknown as string[] });
    await expect(environment.reset(never)).rejects.toMatchObject({
      code: "ENVIRONMENT_SETUP_FAILED",
      message: expect.stringContaining("must be a list of titles"),
    });
  });

  it("refuses an image that is none, and asks for reset before anything else", async () => {
    const environment = create();
    await expect(environment.step(add("a"), never)).rejects.toMatchObject({ code: "ENVIRONMENT_UNAVAILABLE" });
    await expect(environment.restore(Buffer.from("{}"), never)).rejects.toMatchObject({ code: "ENVIRONMENT_DIVERGED" });
  });
});

describe("the README's worlds file", () => {
  it("is one, and its program is there", async () => {
    const configured = readWorldsFile(`${examplesFolder}worlds.json`);
    expect([...configured.worlds.keys()]).toEqual(["todo", "todo-service"]);
    const environments = createEnvironmentProvider("external", { sandboxes: provider, worlds: configured });
    expect(await environments.problems()).toEqual([]);
    await using environment = environments.create({ id: "ep-readme", spec: spec("todo"), limits: suiteLimits });
    expect((await environment.reset(never)).observation.text).toMatch(/^1\. \[ \]/);
  });
});

describe("the documentation", () => {
  const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
  const between = (text: string, name: string): string =>
    new RegExp(`<!-- ${name}:start -->\\s*\`\`\`\\w+\n([^]*?)\`\`\``).exec(text)?.[1] ?? "";

  it("shows the worlds file that is there", () => {
    expect(JSON.parse(between(read("README.md"), "worlds"))).toEqual(
      JSON.parse(read("rollout-agent/examples/worlds.json")),
    );
  });

  it("shows what the example answers", async () => {
    const [command = "", answer = ""] = between(read("shared/docs/worlds.md"), "todo").split("\n");
    const { stdout } = await promisify(execFile)("bash", ["-c", command.replace(/^\$ /, "")], { cwd: root });
    expect(stdout.trim().replace(/[0-9a-f]{64}/, "…")).toBe(answer);
  });

  it("says all the kinds of worlds that a worlds file may have", () => {
    const kinds = WorldConfiguration.options.flatMap((option) =>
      "shape" in option ? [option.shape.kind.value] : option.options.map(({ shape }) => shape.kind.value),
    );
    const told = [...read("shared/docs/worlds.md").matchAll(/^\| `([a-z-]+)` +\| .*\| .*\| .*\|$/gm)].map(
      ([, kind]) => kind,
    );
    expect(told).toEqual([...new Set(kinds)]);
  });
});
