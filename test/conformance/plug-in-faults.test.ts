// Worlds that go wrong: the episode is lost and may be tried again, or its task is unavailable; never a failed task,
// never a hanging agent, never a process left behind.
// Requirements: 6.16.robust, 6.16.secrets, 6.bad.world-dies
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Action } from "@hindcast/shared";
import { afterEach, describe, expect, it } from "vitest";
import type { Environment } from "../../rollout-agent/src/environment/environment.ts";
import { createEnvironmentProvider } from "../../rollout-agent/src/environment/index.ts";
import {
  readWorldsFile,
  type WorldConfiguration,
} from "../../rollout-agent/src/environment/plug-in/world-configuration.ts";
import { aFolder } from "../support/hindcast.ts";
import { faulty, worldsOf } from "../support/worlds/worlds.ts";
import { suiteLimits, unjudged } from "./environment-suite.ts";
import { never, provider } from "./sandbox-fixture.ts";

const opened: Environment[] = [];
const servers: Server[] = [];
const logged: { event?: string; text?: string; bytes?: number }[] = [];

function create(world: WorldConfiguration, stepTimeMs = 5_000): Environment {
  const log = {
    debug: (fields: object) => void logged.push(fields),
    warn: (fields: object) => void logged.push(fields),
  };
  const worlds = worldsOf({ "its-name": world });
  const environment = createEnvironmentProvider("external", { sandboxes: provider, worlds, log }).create({
    id: "ep-faulty",
    spec: { kind: "external", world: "its-name", parameters: {}, seed: 1 },
    limits: { ...suiteLimits, stepTimeMs },
  });
  opened.push(environment);
  return environment;
}

const anything: Action = { kind: "tool", name: "anything", input: {} };

afterEach(async () => {
  await Promise.all(opened.splice(0).map((environment) => environment.close()));
  for (const server of servers.splice(0)) server.close();
  logged.length = 0;
});

async function started(fault: string, stepTimeMs?: number): Promise<Environment> {
  const environment = create(faulty(fault), stepTimeMs);
  await environment.reset(never);
  return environment;
}

async function commandLines(): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  return await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
}

describe("a step of a process that", () => {
  it.each([
    ["writes what is no JSON", "no-json", /"Traceback .*which is no JSON .* everything else on the error stream/],
    ["writes what is no reply", "no-reply", /which is no reply: [^]*text/],
    ["answers with something else", "wrong-kind", /answered with "closed" where "state" was due/],
    ["answers another request", "wrong-id", /answered request 10 when request 3 was open/],
    ["writes a line that does not end", "huge-line", /a line of more than 8388608 bytes/],
    ["dies", "dies", /exit code 3; it said: the disk is full/],
  ])("%s is lost, and the task is tried again", async (_, fault, message) => {
    const environment = await started(fault);
    const lost = {
      code: "ENVIRONMENT_LOST",
      boundary: "environment",
      retryable: true,
      message: expect.stringMatching(message),
    };
    await expect(environment.step(anything, never)).rejects.toMatchObject(lost);
    await expect(environment.step(anything, never)).rejects.toMatchObject({ code: "ENVIRONMENT_LOST" });
    await expect(
      environment.evaluate({ ...unjudged, reference: { kind: "world-reward" } }, never),
    ).resolves.toMatchObject({
      verdict: "unknown",
    });
  });

  it("answers twice is lost at the next step", async () => {
    const environment = await started("two-replies");
    await environment.step(anything, never);
    await delay(50);
    await expect(environment.step(anything, never)).rejects.toMatchObject({ code: "ENVIRONMENT_LOST" });
  });

  it("does not answer is ended, with all that it started", async () => {
    const environment = await started("silent-with-child", 300);
    const startedAt = performance.now();
    const stepping = environment.step(anything, never);
    await expect(stepping).rejects.toMatchObject({ message: expect.stringContaining('answer "step" within 300 ms') });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    await environment.close();
    await expect.poll(async () => (await commandLines()).filter((line) => line.split("\0")[1] === "613")).toEqual([]);
  });

  it("is cancelled ends at once, with the reason of whoever cancelled", async () => {
    const environment = await started("silent");
    const cancelled = new AbortController();
    const stepping = environment.step(anything, cancelled.signal);
    cancelled.abort(new Error("the lease is lost"));
    await expect(stepping).rejects.toThrow("the lease is lost");
  });

  it("speaks another version makes the task unavailable: trying again would not help", async () => {
    const stepping = (await started("wrong-version")).step(anything, never);
    await expect(stepping).rejects.toMatchObject({
      code: "ENVIRONMENT_UNAVAILABLE",
      message: expect.stringContaining("version 2"),
    });
  });

  it("floods its error stream is logged up to a cap, and goes on", async () => {
    const environment = await started("noisy");
    expect((await environment.step(anything, never)).observation.text).toBe("done");
    await expect.poll(() => logged.filter(({ event }) => event === "world.stderr.cut").length).toBeGreaterThan(0);
    const bytes = logged
      .filter(({ event }) => event === "world.stderr")
      .reduce((sum, { text = "" }) => sum + text.length, 0);
    expect(bytes).toBeLessThanOrEqual(64 * 1024);
  });

  it("is given its own variables and none of the agent's", async () => {
    process.env["ANTHROPIC_API_KEY"] = "must-not-leak";
    const { text } = (await (await started("environment")).step(anything, never)).observation;
    delete process.env["ANTHROPIC_API_KEY"];
    expect(text).not.toContain("must-not-leak");
    expect(Object.keys(JSON.parse(text) as object).toSorted()).toEqual(["LANG", "PATH", "TOKEN"]);
  });

  it("says more than an agent is shown is cut with a visible mark", async () => {
    const { observation, outputBytes } = await (await started("huge-text")).step(anything, never);
    expect(observation).toMatchObject({
      kind: "text",
      text: expect.stringMatching(/^start x+\n\[\.\.\. 96010 bytes omitted \.\.\.\]\nx+ end$/),
    });
    expect(outputBytes).toBe(100_010);
  });

  it("gives pictures, rewards and other tools has them in the state", async () => {
    const picture = await (await started("picture")).step(anything, never);
    expect(picture.artifacts).toEqual([{ name: "screen.png", mediaType: "image/png", bytes: Buffer.from("pixels") }]);
    const rewarded = await started("rewards");
    expect(await rewarded.step(anything, never)).toMatchObject({ terminated: true });
    expect(await rewarded.evaluate({ ...unjudged, reference: { kind: "world-reward" } }, never)).toMatchObject({
      verdict: "success",
      score: 1,
    });
    expect((await (await started("new-tool")).step(anything, never)).observation.text).toBe(
      "grown\n[tools: added extra]",
    );
  });
});

describe("the start of a world that", () => {
  it.each([
    ["says that there is no such start state", faulty("setup-failed"), "ENVIRONMENT_SETUP_FAILED", /no such level/],
    ["says that it cannot serve", faulty("unavailable"), "ENVIRONMENT_UNAVAILABLE", /licence has run out/],
    [
      "has a tool with a broken schema",
      faulty("bad-schema"),
      "ENVIRONMENT_UNAVAILABLE",
      /schema of its tool a cannot be used/,
    ],
    [
      "is not installed",
      { ...faulty(""), command: ["no-such-world"] } as WorldConfiguration,
      "ENVIRONMENT_UNAVAILABLE",
      /no-such-world ENOENT; correct its command or folder/,
    ],
  ])("%s fails for good", async (_, world, code, message) => {
    const reset = create(world).reset(never);
    await expect(reset).rejects.toMatchObject({ code, retryable: false, message: expect.stringMatching(message) });
  });

  it("this agent does not know fails for good, and names those that it knows", async () => {
    const environments = createEnvironmentProvider("external", {
      sandboxes: provider,
      worlds: worldsOf({ a: faulty("") }),
    });
    const spec = { kind: "external", world: "b", parameters: {}, seed: 1 } as const;
    await using environment = environments.create({ id: "ep-b", spec, limits: suiteLimits });
    await expect(environment.reset(never)).rejects.toMatchObject({
      code: "ENVIRONMENT_UNAVAILABLE",
      message: expect.stringMatching(/"b".*HINDCAST_WORLDS_FILE.* has a$/),
    });
  });

  it("is missing is told before any task comes", async () => {
    const worlds = worldsOf({ lost: { ...faulty(""), command: ["./not-here"] } as WorldConfiguration });
    expect(await createEnvironmentProvider("external", { sandboxes: provider, worlds }).problems()).toEqual([
      expect.stringMatching(/^The program of the world "lost", \.\/not-here, is not there/),
    ]);
  });
});

describe("a world behind HTTP that", () => {
  async function serving(listener: RequestListener): Promise<WorldConfiguration> {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { kind: "http", url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, headers: {} };
  }

  it.each<[string, RequestListener, string, RegExp]>([
    ["is overloaded", (_, response) => response.writeHead(503).end("busy"), "ENVIRONMENT_LOST", /503: busy/],
    ["refuses", (_, response) => response.writeHead(401).end("who?"), "ENVIRONMENT_UNAVAILABLE", /401: who\?/],
    ["answers with a page", (_, response) => response.end("<html>"), "ENVIRONMENT_LOST", /"<html>", which is no JSON/],
    ["cuts the connection", (_, response) => response.destroy(), "ENVIRONMENT_LOST", /fetch failed/],
    [
      "redirects, and the token with it",
      (_, response) => response.writeHead(302, { location: "http://127.0.0.1:9/" }).end(),
      "ENVIRONMENT_LOST",
      /redirect/,
    ],
    [
      "does not stop answering",
      (_, response) => {
        const chunk = Buffer.alloc(1024 * 1024, 120);
        const more = (): void => {
          while (!response.destroyed && response.write(chunk));
          if (!response.destroyed) response.once("drain", more);
        };
        more();
      },
      "ENVIRONMENT_LOST",
      /more than 8388608 bytes/,
    ],
  ])("%s", async (_, listener, code, message) => {
    const reset = create(await serving(listener)).reset(never);
    await expect(reset).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it("is sent headers whose secrets lie in files", async () => {
    using folder = aFolder();
    await writeFile(join(folder.path, "token"), "s3cret\n");
    const seen: unknown[] = [];
    const world = await serving((request, response) => {
      seen.push(request.headers["x-token"]);
      response.writeHead(500).end();
    });
    const file = { worlds: { w: { ...world, headers: { "x-token": { file: "token" } } } } };
    await writeFile(join(folder.path, "worlds.json"), JSON.stringify(file));
    const worlds = readWorldsFile(join(folder.path, "worlds.json"));
    const spec = { kind: "external", world: "w", parameters: {}, seed: 1 } as const;
    const environments = createEnvironmentProvider("external", { sandboxes: provider, worlds });
    await using environment = environments.create({ id: "ep-w", spec, limits: suiteLimits });
    await expect(environment.reset(never)).rejects.toMatchObject({ code: "ENVIRONMENT_LOST" });
    expect(seen).toEqual(["s3cret"]);
  });
});

it.each([
  ["is no JSON", "{", /worlds\.json cannot be used/],
  ["has an unknown kind", JSON.stringify({ worlds: { a: { kind: "magic" } } }), /worlds\.a/],
  ["has a command without a program", JSON.stringify({ worlds: { a: { kind: "process", command: [] } } }), /worlds\.a/],
  [
    "has a name that no task could use",
    JSON.stringify({ worlds: { "A b": { kind: "http", url: "http://a" } } }),
    /A b/,
  ],
])("a worlds file that %s is refused by name", async (_, content, message) => {
  using folder = aFolder();
  await writeFile(join(folder.path, "worlds.json"), content);
  expect(() => readWorldsFile(join(folder.path, "worlds.json"))).toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringMatching(message) }),
  );
});
