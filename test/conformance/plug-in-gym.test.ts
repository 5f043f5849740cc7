// Gym-like worlds over HTTP: AgentGym's and OpenEnv's wire forms, against servers that speak them.
// Requirements: 6.16.agent-gym, 6.16.open-env
import type { Action, EnvironmentSpec } from "@hindcast/shared";
import { afterEach, describe, expect, it } from "vitest";
import type { Environment } from "../../rollout-agent/src/environment/environment.ts";
import { createEnvironmentProvider } from "../../rollout-agent/src/environment/index.ts";
import type { WorldConfiguration } from "../../rollout-agent/src/environment/plug-in/world-configuration.ts";
import { type GymDialect, type GymService, startAgentGym } from "../support/worlds/agent-gym-service.ts";
import { type OpenEnvService, startOpenEnv } from "../support/worlds/open-env-service.ts";
import { worldsOf } from "../support/worlds/worlds.ts";
import { suiteLimits, unjudged } from "./environment-suite.ts";
import { never, provider } from "./sandbox-fixture.ts";

const opened: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

interface Start {
  seed?: number;
  parameters?: Record<string, number>;
  stepTimeMs?: number;
}

function create(world: WorldConfiguration, { seed = 1, parameters = {}, stepTimeMs = 5_000 }: Start = {}): Environment {
  const spec: EnvironmentSpec = { kind: "external", world: "gym", parameters, seed };
  const environments = createEnvironmentProvider("external", { sandboxes: provider, worlds: worldsOf({ gym: world }) });
  const environment = environments.create({ id: "ep-gym", spec, limits: { ...suiteLimits, stepTimeMs } });
  opened.push(environment);
  return environment;
}

const act = (input: Record<string, string | number>): Action => ({ kind: "tool", name: "act", input });

describe.each(["textcraft", "webshop"] as const)("AgentGym, as %s has it", (dialect) => {
  async function aService(): Promise<{ service: GymService; world: WorldConfiguration }> {
    const service = await startAgentGym(dialect);
    opened.push(service);
    const indexKey = dialect === "textcraft" ? "data_idx" : "session_id";
    return {
      service,
      world: {
        kind: "agent-gym",
        url: service.url,
        headers: {},
        description: "Say up.",
        idKey: null,
        indexKey,
        scoreMax: 1,
        create: {},
      },
    };
  }

  it("is created, reset to a task, acted in to its end, rewarded and closed", async () => {
    const { service, world } = await aService();
    const environment = create(world, { parameters: { index: 2 } });
    const start = await environment.reset(never);
    expect(start.observation).toMatchObject({ kind: "text", text: "You are at 0 and want 2." });
    expect(await start.snapshot(never)).toBeNull();
    expect(environment.description).toMatch(/Say up\.[^]*act: /);
    expect(await environment.step(act({ action: "sideways" }), never)).toMatchObject({
      observation: { text: "Nothing happens.", isError: false },
      terminated: false,
    });
    const judge = (): Promise<object> =>
      environment.evaluate({ ...unjudged, reference: { kind: "world-reward" } }, never);
    expect(await environment.step(act({ action: "up" }), never)).toMatchObject({ terminated: false });
    expect(await judge()).toMatchObject({ verdict: "failure", score: 0 });
    expect(await environment.step(act({ action: "up" }), never)).toMatchObject({
      observation: { text: "You are at 2 and want 2." },
      terminated: true,
    });
    expect(await judge()).toMatchObject({ verdict: "success", score: 1 });
    expect(service.open.size).toBe(1);
    await environment.close();
    expect(service.open.size).toBe(0);
  });

  it("takes the seed for the number of the task, and says when there is no such task", async () => {
    const { service, world } = await aService();
    expect((await create(world, { seed: 7 }).reset(never)).observation.text).toContain("want 7");
    expect(service.requests.find((request) => request.startsWith("/reset"))).toContain(
      dialect === "textcraft" ? '{"data_idx":7,"id":0}' : '{"session_id":7,"env_idx":0}',
    );
    if (dialect === "webshop") return;
    const reset = create(world, { seed: 100 }).reset(never);
    await expect(reset).rejects.toMatchObject({ code: "ENVIRONMENT_SETUP_FAILED" });
  });

  it("has one tool, whose argument is a text", async () => {
    const environment = create((await aService()).world);
    await environment.reset(never);
    expect((await environment.step(act({ action: 1 }), never)).observation).toMatchObject({
      isError: true,
      text: "act does not take these arguments: action must be string.",
    });
  });
});

describe("AgentGym's other services", () => {
  async function aWorld(dialect: GymDialect, indexKey: string, scoreMax = 1): Promise<Environment> {
    const service = await startAgentGym(dialect);
    opened.push(service);
    const more = { headers: {}, description: "Say up.", idKey: null, create: {} };
    const world: WorldConfiguration = { kind: "agent-gym", url: service.url, indexKey, scoreMax, ...more };
    return create(world, { parameters: { index: 2 } });
  }
  const judge = (environment: Environment): Promise<object> =>
    environment.evaluate({ ...unjudged, reference: { kind: "world-reward" } }, never);

  it("are rewarded by their score, of a hundred, where they have one", async () => {
    const environment = await aWorld("sciworld", "data_idx", 100);
    const start = await environment.reset(never);
    expect(start.observation.text).toBe("Your task is to count.\nYou are at 0 and want 2.");
    await environment.step(act({ action: "up" }), never);
    expect(await judge(environment)).toMatchObject({ verdict: "failure", score: 0.5 });
    expect(await environment.step(act({ action: "up" }), never)).toMatchObject({ terminated: true });
    expect(await judge(environment)).toMatchObject({ verdict: "success", score: 1 });
  });

  it("end as Gymnasium has it", async () => {
    const environment = await aWorld("webarena", "idx");
    await environment.reset(never);
    expect(await environment.step(act({ action: "up" }), never)).toMatchObject({ terminated: false });
    expect(await environment.step(act({ action: "up" }), never)).toMatchObject({ terminated: true });
  });

  it("say what may be done now", async () => {
    const environment = await aWorld("alfworld", "game");
    const shown = "You are at 0 and want 2.\nAVAILABLE ACTIONS: up, look";
    expect((await environment.reset(never)).observation.text).toBe(shown);
    const { observation } = await environment.step(act({ action: "wait" }), never);
    expect(observation.text).toBe("Nothing happens.\nAVAILABLE ACTIONS: up, look");
  });
});

describe.each(["websocket", "http"] as const)("OpenEnv over %s", (transport) => {
  async function aService(): Promise<{ service: OpenEnvService; world: WorldConfiguration }> {
    const service = await startOpenEnv();
    opened.push(service);
    return { service, world: { kind: "open-env", url: service.url, headers: {}, transport } };
  }

  it("describes itself by its schema, is reset, acted in to its end and rewarded", async () => {
    const environment = create((await aService()).world, { seed: 3 });
    const start = await environment.reset(never);
    expect(JSON.parse(start.observation.text)).toEqual({ total: 3, steps: 0 });
    expect(environment.description).toMatch(/^counter: Adds numbers\.[^]*"amount"/);
    expect(environment.description).not.toContain("metadata");
    const first = await environment.step(act({ amount: 4 }), never);
    expect(JSON.parse(first.observation.text)).toEqual({ total: 7, steps: 1 });
    expect(await environment.step(act({ amount: 3 }), never)).toMatchObject({ terminated: true });
    expect(await environment.evaluate({ ...unjudged, reference: { kind: "world-reward" } }, never)).toMatchObject({
      verdict: "success",
      score: 1,
    });
  });

  it("has the tools that it lists where its actions are calls of tools", async () => {
    const service = await startOpenEnv({ hasTools: true });
    opened.push(service);
    const environment = create({ kind: "open-env", url: service.url, headers: {}, transport }, { seed: 3 });
    await environment.reset(never);
    expect(environment.description).toMatch(/add: Adds a number\.[^]*"amount"/);
    expect(environment.description).not.toContain("call_tool");
    const call = (name: string, input: Record<string, number>): Action => ({ kind: "tool", name, input });
    const added = await environment.step(call("add", { amount: 4 }), never);
    expect(added).toMatchObject({ observation: { text: "7", isError: false }, terminated: false });
    expect((await environment.step(call("add", {}), never)).observation.text).toContain("required property 'amount'");
    expect((await environment.step(call("break", {}), never)).observation).toMatchObject({
      text: "execution_error: it broke",
      isError: true,
    });
    expect(await environment.step(call("add", { amount: 3 }), never)).toMatchObject({ terminated: true });
    expect(await environment.evaluate({ ...unjudged, reference: { kind: "world-reward" } }, never)).toMatchObject({
      verdict: "success",
    });
  });

  it("is judged by its state", async () => {
    const environment = create((await aService()).world, { seed: 3 });
    await environment.reset(never);
    await environment.step(act({ amount: 4 }), never);
    const judge = (expected: Record<string, number>): Promise<object> =>
      environment.evaluate({ ...unjudged, reference: { kind: "external", expected } }, never);
    expect(await judge({ total: 7 })).toMatchObject({ verdict: "success" });
    expect(await judge({ total: 8 })).toMatchObject({ verdict: "failure", detail: "state.total is 7 and should be 8" });
  });

  it("is asked nothing that its schema does not allow", async () => {
    const environment = create((await aService()).world);
    await environment.reset(never);
    const { observation } = await environment.step(act({ sum: 1 }), never);
    expect(observation).toMatchObject({ isError: true, text: expect.stringContaining("required property 'amount'") });
  });

  it("repeats itself from the same seed", async () => {
    const { world } = await aService();
    const hashes = [];
    for (let n = 0; n < 2; n += 1) {
      const environment = create(world);
      await environment.reset(never);
      hashes.push((await environment.step(act({ amount: 2 }), never)).stateHash);
      await environment.close();
    }
    expect(hashes[0]).toBe(hashes[1]);
  });
});

describe("an OpenEnv session", () => {
  async function aSession(stepTimeMs?: number): Promise<{ environment: Environment; service: OpenEnvService }> {
    const service = await startOpenEnv({ capacity: 1 });
    opened.push(service);
    const world: WorldConfiguration = { kind: "open-env", url: service.url, headers: {}, transport: "websocket" };
    const environment = create(world, stepTimeMs === undefined ? {} : { stepTimeMs });
    await environment.reset(never);
    return { environment, service };
  }

  it("ends with its connection", async () => {
    const { environment, service } = await aSession();
    expect(service.sessions).toBe(1);
    await environment.close();
    await expect.poll(() => service.sessions).toBe(0);
  });

  it("goes on after an action that broke", async () => {
    const { environment } = await aSession();
    expect((await environment.step(act({ amount: 13 }), never)).observation).toMatchObject({
      isError: true,
      text: "Error: 13 is unlucky",
    });
    expect((await environment.step(act({ amount: 1 }), never)).observation).toMatchObject({ isError: false });
  });

  it("is lost when the service is full, is cut off, or does not answer", async () => {
    const { environment, service } = await aSession(300);
    const full = create({ kind: "open-env", url: service.url, headers: {}, transport: "websocket" }).reset(never);
    await expect(full).rejects.toMatchObject({
      code: "ENVIRONMENT_LOST",
      message: expect.stringMatching(/CAPACITY_REACHED|closed/),
    });
    const late = environment.step(act({ amount: 99 }), never);
    await expect(late).rejects.toMatchObject({ code: "ENVIRONMENT_LOST", message: expect.stringContaining("300 ms") });
    const again = (await aSession()).environment.step(act({ amount: 98 }), never);
    await expect(again).rejects.toMatchObject({ code: "ENVIRONMENT_LOST", retryable: true });
  });
});
