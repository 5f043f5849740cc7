// MCP servers as worlds, spoken to by the official SDK: real servers as processes and as services, of the protocol's
// newest revision and of those before it.
// Requirements: 6.16.mcp, 6.16.secrets, 6.bad.world-dies
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Action, EnvironmentSpec } from "@hindcast/shared";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Environment } from "../../rollout-agent/src/environment/environment.ts";
import { createEnvironmentProvider } from "../../rollout-agent/src/environment/index.ts";
import type { WorldConfiguration } from "../../rollout-agent/src/environment/plug-in/world-configuration.ts";
import { aFolder } from "../support/hindcast.ts";
import { mcpProcess, type McpService, mcpService, startMcpService } from "../support/worlds/mcp-todo.ts";
import { newestMcpProcess, type NewestMcpService, startNewestMcpService } from "../support/worlds/mcp-newest.ts";
import { worldsOf } from "../support/worlds/worlds.ts";
import { suiteLimits, unjudged } from "./environment-suite.ts";
import { never, provider } from "./sandbox-fixture.ts";

let service: McpService;
const opened: Environment[] = [];
const warnings: object[] = [];

beforeAll(async () => void (service = await startMcpService()));
afterAll(() => service[Symbol.asyncDispose]());
afterEach(async () => {
  await Promise.all(opened.splice(0).map((environment) => environment.close()));
});

function create(
  world: WorldConfiguration,
  parameters: Record<string, string[]> = {},
  stepTimeMs = 10_000,
): Environment {
  const spec: EnvironmentSpec = { kind: "external", world: "mcp", parameters, seed: 1 };
  const log = { debug: () => undefined, warn: (fields: object) => void warnings.push(fields) };
  const environment = createEnvironmentProvider("external", {
    sandboxes: provider,
    worlds: worldsOf({ mcp: world }),
    log,
  }).create({
    id: "ep-mcp",
    spec,
    limits: { ...suiteLimits, stepTimeMs },
  });
  opened.push(environment);
  return environment;
}

const call = (name: string, input: Record<string, string> = {}): Action => ({ kind: "tool", name, input });
const textOf = async (environment: Environment, name: string): Promise<string> =>
  (await environment.step(call(name), never)).observation.text;

describe.each([
  ["a process", () => mcpProcess()],
  ["a service", () => mcpService(service.url)],
])("an MCP server that is %s", (_, world) => {
  it("describes itself and its tools, answers calls, and says which of them fail", async () => {
    const environment = create(world());
    await environment.reset(never);
    expect(environment.description).toMatch(
      /^todo 1\.2: A list of things to do\.[^]*add_item: Adds an item\.\narguments: .*"title"/,
    );
    expect(await environment.step(call("add_item", { title: "read" }), never)).toMatchObject({
      observation: { kind: "text", text: "Added 1.", isError: false },
      terminated: false,
      outputBytes: 8,
    });
    expect((await environment.step(call("fail"), never)).observation).toMatchObject({
      isError: true,
      text: "it is locked",
    });
    const broken = (await environment.step(call("break"), never)).observation;
    expect(broken).toMatchObject({ isError: true, text: expect.stringContaining("a fault of the server's") });
    expect((await environment.step(call("add_item"), never)).observation.text).toMatch(/required property 'title'/);
    expect(await textOf(environment, "list_items")).toBe("read");
    expect(
      await environment.evaluate({ ...unjudged, reference: { kind: "external", expected: 1 } }, never),
    ).toMatchObject({
      verdict: "unknown",
    });
  });

  it("has other tools once it says that they changed", async () => {
    const environment = create(world());
    await environment.reset(never);
    expect((await environment.step(call("fruit"), never)).observation.text).toMatch(/There is no tool fruit/);
    expect(await textOf(environment, "grow")).toBe("grown\n[tools: added fruit; removed grow]");
    expect(await textOf(environment, "fruit")).toBe("sweet");
    expect(environment.description).not.toContain("grow:");
  });
});

it.each([
  ["a process", () => mcpProcess()],
  ["a service", () => mcpService(service.url)],
])("an MCP server that is %s is lost when it says more than a message may hold", async (_, world) => {
  const environment = create(world(), {}, 3_000);
  await environment.reset(never);
  await expect(environment.step(call("flood"), never)).rejects.toMatchObject({ code: "ENVIRONMENT_LOST" });
});

describe("an MCP server", () => {
  const world = (): WorldConfiguration => mcpService(service.url);

  it("keeps images and resources beside the text, and cuts long texts", async () => {
    const environment = create(world());
    await environment.reset(never);
    const state = await environment.step(call("draw"), never);
    expect(state.observation.text).toBe(
      "drawn\n[image-1.png: image/png, 6 bytes]\n[resource first: todo://1]\n[resource todo://2]\nsecond",
    );
    expect(state.artifacts).toEqual([{ name: "image-1.png", mediaType: "image/png", bytes: Buffer.from("pixels") }]);
    const shout = await environment.step(call("shout"), never);
    expect(shout.observation).toMatchObject({ omittedBytes: 96_000 });
    expect(shout.outputBytes).toBe(100_000);
  });

  it("sets up a start state with a tool that agents do not have", async () => {
    const configuration = { ...world(), resetTool: "start_with" } as WorldConfiguration;
    const environment = create(configuration, { titles: ["a", "b"] });
    expect((await environment.reset(never)).observation.text).toBe("2 items");
    expect(environment.description).not.toContain("start_with");
    expect(await textOf(environment, "list_items")).toBe("a\nb");
    await expect(create(configuration, { titles: ["a", "b", "c", "d"] }).reset(never)).rejects.toMatchObject({
      code: "ENVIRONMENT_SETUP_FAILED",
      message: expect.stringContaining("too many titles"),
    });
  });

  it("gives agents only the tools that are chosen", async () => {
    const environment = create({ ...world(), tools: ["list_items", "grow", "fruit"] } as WorldConfiguration);
    await environment.reset(never);
    expect((await environment.step(call("add_item", { title: "a" }), never)).observation.text).toBe(
      "There is no tool add_item. The tools are: list_items, grow.",
    );
    expect(await textOf(environment, "grow")).toContain("added fruit");
  });

  it("is lost when it does not answer in time, and may be tried again", async () => {
    const environment = create(world(), {}, 300);
    await environment.reset(never);
    await expect(environment.step(call("hang"), never)).rejects.toMatchObject({
      code: "ENVIRONMENT_LOST",
      retryable: true,
    });
  });
});

describe("an MCP server that is a process", () => {
  it("is lost when it dies, with its exit code", async () => {
    const environment = create(mcpProcess());
    await environment.reset(never);
    const dying = environment.step(call("die"), never);
    await expect(dying).rejects.toMatchObject({
      code: "ENVIRONMENT_LOST",
      retryable: true,
      message: expect.stringMatching(/exit code 4/),
    });
    await expect(environment.step(call("list_items"), never)).rejects.toMatchObject({ code: "ENVIRONMENT_LOST" });
  });

  it("has the variables that are configured, and none of the agent's", async () => {
    const environment = create(mcpProcess());
    await environment.reset(never);
    const variables = JSON.parse(await textOf(environment, "variables")) as Record<string, string>;
    expect(Object.keys(variables).toSorted()).toEqual(["LANG", "PATH", "TOKEN"]);
  });

  it("may chatter between its messages", async () => {
    const environment = create(mcpProcess());
    await environment.reset(never);
    expect(await textOf(environment, "chat")).toBe("chatted");
    expect(warnings).toContainEqual(expect.objectContaining({ event: "world.chatter", text: "debug: chatting" }));
  });

  it("is unavailable where its program is not there", async () => {
    const starting = create(mcpProcess({ command: ["no-such-server"] })).reset(never);
    await expect(starting).rejects.toMatchObject({
      code: "ENVIRONMENT_UNAVAILABLE",
      message: expect.stringMatching(/no-such-server/),
    });
  });
});

describe("an MCP server that is a service", () => {
  it("is sent headers whose secrets lie in files, and told when a session is over", async () => {
    using folder = aFolder();
    writeFileSync(join(folder.path, "token"), "Bearer s3cret\n");
    const environment = create(mcpService(service.url, { authorization: { file: join(folder.path, "token") } }));
    await environment.reset(never);
    expect(service.authorizations).toContain("Bearer s3cret");
    const before = service.sessions.size;
    await environment.close();
    expect(service.sessions.size).toBe(before - 1);
  });

  it("may come back when it is away, and will not when it refuses", async () => {
    const away = create(mcpService("http://127.0.0.1:9/mcp")).reset(never);
    await expect(away).rejects.toMatchObject({ code: "ENVIRONMENT_LOST", retryable: true });
    const refusing = createServer((_, response) => response.writeHead(403).end("no"));
    await new Promise<void>((resolve) => refusing.listen(0, "127.0.0.1", resolve));
    const { port } = refusing.address() as AddressInfo;
    const refused = create(mcpService(`http://127.0.0.1:${port}/mcp`)).reset(never);
    await expect(refused).rejects.toMatchObject({ code: "ENVIRONMENT_UNAVAILABLE", retryable: false });
    refusing.close();
  });
});

describe("an MCP server of the newest revision alone, without handshake and sessions,", () => {
  let newest: NewestMcpService;
  beforeAll(async () => void (newest = await startNewestMcpService()));
  afterAll(() => newest[Symbol.asyncDispose]());

  it.each([
    ["that is a process", () => newestMcpProcess()],
    ["that is a service", () => newest.configuration],
  ])("%s describes itself, answers calls and says which of them fail", async (_, world) => {
    const environment = create(world(), { titles: [] });
    await environment.reset(never);
    expect(environment.description).toMatch(
      /^todo 2\.0: A list of things to do\.[^]*add_item: Adds an item\.\narguments: .*"title"/,
    );
    expect((await environment.step(call("add_item", { title: "read" }), never)).observation.text).toBe("Added 1.");
    expect(await textOf(environment, "list_items")).toBe("read");
    expect(await textOf(environment, "count")).toBe('counted\n{"count":1}');
    expect((await environment.step(call("fail"), never)).observation).toMatchObject({
      isError: true,
      text: "it is locked",
    });
    // Nobody here answers for a user, which the server is told; the episode goes on.
    expect((await environment.step(call("ask"), never)).observation).toMatchObject({ isError: true });
    expect(await textOf(environment, "list_items")).toBe("read");
  });

  it("is asked for its revision, which every request then names", () => {
    expect([...newest.asked].toSorted()).toEqual([
      "server/discover 2026-07-28",
      "tools/call 2026-07-28",
      "tools/list 2026-07-28",
    ]);
  });
});

describe("an MCP server that was written by hand", () => {
  const program = new URL("../support/worlds/mcp-by-hand.ts", import.meta.url).pathname;
  const byHand = (habit: string): WorldConfiguration => mcpProcess({ command: [process.execPath, program, habit] });

  it("lists its tools in pages, tells other things before its answers, and asks back", async () => {
    const environment = create(byHand("plain"));
    await environment.reset(never);
    expect(environment.description).toMatch(/first: Is first[^]*second: Is second/);
    // What is structured is shown where no text repeats it.
    expect(await textOf(environment, "first")).toBe('{"a": 1}');
    expect(await textOf(environment, "second")).toBe('{"b":2}');
    // What a schema promises of answers is the server's affair.
    expect((await environment.step(call("promising"), never)).observation).toMatchObject({
      isError: false,
      text: "no sum today",
    });
  });

  it("has a list without end and is unavailable", async () => {
    await expect(create(byHand("endless")).reset(never)).rejects.toMatchObject({
      code: "ENVIRONMENT_UNAVAILABLE",
      message: expect.stringContaining("its list of tools has more than 32 pages"),
    });
  });

  it("refuses with a code of its own, which is an answer", async () => {
    const environment = create(byHand("refuses"));
    await environment.reset(never);
    expect((await environment.step(call("first"), never)).observation).toMatchObject({
      isError: true,
      text: expect.stringContaining("closed on Sundays") as string,
    });
    expect(await textOf(environment, "second")).toBe('{"b":2}');
  });

  it.each([["ends"], ["silent"]])("%s at a question of a later revision and is greeted as of old", async (habit) => {
    const environment = create(byHand(habit));
    await environment.reset(never);
    expect(await textOf(environment, "second")).toBe('{"b":2}');
  });
});
