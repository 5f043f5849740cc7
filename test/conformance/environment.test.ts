// One suite for every environment, and what the shell promises beyond it.
// Requirements: 6.6.records, 6.11.conformance, 3.5.session, 3.5.snapshot, 3.5.limits, 3.5.refuses, 3.bad.commands, 3.bad.disk-full
import {
  type Action,
  EgressRecord,
  type EnvironmentSpec,
  type EpisodeLimits,
  NetworkPolicy,
  type Observation,
  type ShellSpec,
} from "@hindcast/shared";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { Environment } from "../../rollout-agent/src/environment/environment.ts";
import { createEnvironmentProvider } from "../../rollout-agent/src/environment/index.ts";
import { createBubblewrap } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { aBrowserSpec, noChromium } from "../support/browser.ts";
import { aWebSite } from "../support/web-site.ts";
import { environmentSuite, suiteLimits, unjudged } from "./environment-suite.ts";
import { never, processesOf, provider } from "./sandbox-fixture.ts";

const MiB = 1024 * 1024;
const limits = suiteLimits;
const opened: Environment[] = [];
let count = 0;

function create(spec: EnvironmentSpec, changed: Partial<EpisodeLimits> = {}): Environment {
  const environments = createEnvironmentProvider(spec.kind, { sandboxes: provider });
  const id = `ep-environment-${process.pid}-${count++}`;
  const environment = environments.create({ id, spec, limits: { ...limits, ...changed } });
  opened.push(environment);
  return environment;
}

const shell = (files: Record<string, string> = {}, setup: string[] = []): EnvironmentSpec => ({
  kind: "shell",
  files: Object.entries(files).map(([path, content]) => ({ path, content })),
  setup,
});

const act = (command: string): { kind: "shell"; command: string } => ({ kind: "shell", command });

async function step(environment: Environment, command: string): Promise<Extract<Observation, { kind: "shell" }>> {
  const { observation } = await environment.step(act(command), never);
  if (observation.kind !== "shell") throw new Error(`a ${observation.kind} observation`);
  return observation;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((environment) => environment.close()));
});

/** A page that is another one for every query. */
const site = noChromium === null ? await aWebSite({ "/": "<title>A page</title>text" }) : null;
const page = aBrowserSpec(site?.origin ?? "http://nowhere.invalid");
const visit = (words: string): Action => ({ kind: "browser", call: `goto [${site?.origin}/?${encodeURI(words)}]` });

afterAll(() => site?.[Symbol.asyncDispose]());

for (const [kind, spec] of [
  ["shell", shell({ "a.txt": "text\n" })],
  ["no-op", { kind: "no-op", outputBytes: 20 }],
] as const) {
  environmentSuite(kind, {
    spec,
    provider: () => createEnvironmentProvider(kind, { sandboxes: provider }),
    actions: [act("echo 1 > b"), act("echo 2 > b"), act("echo 3 > b")],
  });
}
if (site !== null) {
  environmentSuite("browser", {
    spec: page,
    provider: () => createEnvironmentProvider("browser", { sandboxes: provider }),
    actions: [visit("one"), visit("two"), visit("three")],
  });
}

describe("the shell environment", () => {
  it("keeps what its commands asked of the network as an artifact of the step", async () => {
    const network = NetworkPolicy.parse({ kind: "proxy", rules: [] });
    const environment = create({ ...(shell() as ShellSpec), network });
    expect((await environment.reset(never)).artifacts).toBeUndefined();
    const { artifacts = [] } = await environment.step(act("curl -sS http://shop.test/a?token=x"), never);
    expect(artifacts).toMatchObject([{ name: "egress.jsonl", mediaType: "application/x-ndjson" }]);
    const record = EgressRecord.parse(JSON.parse(Buffer.from(artifacts[0]?.bytes ?? []).toString("utf8")));
    expect(record).toMatchObject({ method: "GET", host: "shop.test", path: "/a", verdict: "refused" });
    expect((await environment.step(act("true"), never)).artifacts).toBeUndefined();
  });

  it("shows the name of a working directory on one line, without controls", async () => {
    const environment = create(shell());
    await environment.reset(never);
    const { workingDirectory } = await step(
      environment,
      String.raw`mkdir $'x]\n[exit code 0]' && cd $'x]\n[exit code 0]'`,
    );
    expect(workingDirectory).toBe(String.raw`/workspace/x]\x0a[exit code 0]`);
  });

  it("starts with the task's files after its setup, and shows nothing of it", async () => {
    const environment = create(shell({ "in/a.txt": "x\n" }, ["cd in && echo made > b.txt", "cat b.txt; greeting=hi"]));
    const { observation, effects } = await environment.reset(never);
    expect(observation).toEqual({
      kind: "shell",
      text: "",
      exitCode: null,
      killed: null,
      workingDirectory: "/workspace/in",
      omittedBytes: 0,
    });
    expect(effects).toEqual([]);
    expect((await step(environment, "cat a.txt b.txt; echo $greeting")).text).toBe("x\nmade\nhi\n");
  });

  it("gives the session, the exit code and the effects of an action", async () => {
    const environment = create(shell());
    await environment.reset(never);
    const first = await environment.step(act("mkdir d && cd d && echo x > f && exit 3"), never);
    expect(first.observation).toMatchObject({ exitCode: 3, workingDirectory: "/workspace/d" });
    expect(first.effects.map(({ change, path }) => `${change} ${path}`)).toEqual([
      "created /workspace/d",
      "created /workspace/d/f",
    ]);
    expect((await step(environment, "pwd")).text).toBe("/workspace/d\n");
  });

  it("says which setup command failed, how, and what it printed", async () => {
    const environment = create(shell({}, ["true", "echo the reason >&2; exit 9"]));
    await expect(environment.reset(never)).rejects.toMatchObject({
      code: "ENVIRONMENT_SETUP_FAILED",
      retryable: false,
      message: expect.stringMatching(/echo the reason.*exit code 9.*the reason/s),
    });
  });

  it("fails its setup where the files do not fit", async () => {
    const environment = create(shell({ big: "x".repeat(100_000) }), { diskBytesMax: 50_000 });
    await expect(environment.reset(never)).rejects.toMatchObject({ code: "ENVIRONMENT_SETUP_FAILED" });
  });

  it("shows text without control sequences and without invalid bytes", async () => {
    const environment = create(shell());
    await environment.reset(never);
    const script = String.raw`printf '\033[31mred\033[0m \033]0;title\007a\xffb\r\n10%%\r100%%\n'`;
    expect((await step(environment, script)).text).toBe("red a\uFFFDb\n100%\n");
  });

  it("cuts long output with a visible mark and counts what is missing", async () => {
    const environment = create(shell());
    await environment.reset(never);
    const { text, omittedBytes } = await step(environment, "seq 10000");
    expect(text).toMatch(/^1\n2\n3\n/);
    expect(text).toMatch(/\n9999\n10000\n$/);
    expect(text).toContain(`[... ${omittedBytes} bytes omitted ...]`);
    expect(Buffer.byteLength(text)).toBeLessThan(4_100);
    expect(omittedBytes).toBe(48_894 - 4_000);
  });

  it("ends output at the episode's allowance", async () => {
    const environment = create(shell(), { outputBytesMax: 100_000 });
    await environment.reset(never);
    await environment.step(act("head -c 90000 /dev/zero | tr '\\0' x"), never);
    const state = await environment.step(act("yes"), never);
    expect(state.observation).toMatchObject({ killed: "output", exitCode: null });
    expect(state.outputBytes).toBeGreaterThan(10_000);
  });

  it.each([
    ["a wedged command", "trap '' TERM; sleep infinity", { killed: "timeout" }],
    ["a fork bomb", ":(){ :|:& };: ; wait; sleep 9", { killed: expect.stringMatching(/processes|timeout/) }],
    ["a full disk", "head -c 1G /dev/zero > full", { exitCode: 1, text: expect.stringContaining("No space left") }],
  ])("turns %s into an observation and goes on", async (_, command, expected) => {
    const environment = create(shell(), { stepTimeMs: 2_000, diskBytesMax: MiB });
    await environment.reset(never);
    expect(await step(environment, command)).toMatchObject(expected);
    expect((await step(environment, "echo on")).text).toBe("on\n");
  });

  it("judges by the end state of the files that the reference leaves", async () => {
    const environment = create(shell({ "a.txt": "x\n" }, ["git init -q ."]));
    await environment.reset(never);
    await step(environment, "cd /tmp; sleep 0.05; echo y >> /workspace/a.txt; cd /workspace; git add a.txt; cd /usr");
    const judge = (...commands: string[]): Promise<object> =>
      environment.evaluate({ ...unjudged, reference: { commands } }, never);
    expect(await judge("echo y >> a.txt", "git add .")).toMatchObject({ verdict: "success", evaluator: "end-state" });
    expect(await judge("echo z >> a.txt", "git add .", "touch more")).toMatchObject({
      verdict: "failure",
      detail: expect.stringMatching(/a\.txt has other content.*more is missing/),
    });
    expect(await judge("chmod 600 a.txt", "rm -r .git")).toMatchObject({
      verdict: "failure",
      detail: expect.stringContaining("/workspace/.git should not exist"),
    });
    expect(await judge("true", "no-such-command")).toMatchObject({
      verdict: "unknown",
      detail: expect.stringMatching(/no-such-command.*exit code 127/),
    });
    expect((await step(environment, "pwd")).text).toBe("/usr\n");
  });

  it("leaves no process when it is closed, also of the sandbox that judged", async () => {
    const environment = create(shell());
    await environment.reset(never);
    await environment.evaluate({ ...unjudged, reference: { commands: ["sleep 60 &"] } }, never);
    const id = `ep-environment-${process.pid}-${count - 1}`;
    expect(await processesOf(`${id}-reference`)).toEqual([]);
    expect(await processesOf(id)).not.toEqual([]);
    await environment.close();
    expect(await processesOf(id)).toEqual([]);
  });

  it("asks for reset before anything else", async () => {
    await expect(create(shell()).step(act("true"), never)).rejects.toMatchObject({ code: "ENVIRONMENT_UNAVAILABLE" });
  });

  it("refuses to run where there is no sandbox", async () => {
    const bwrapPath = "/nonexistent/bwrap";
    const sandboxes = createBubblewrap({ guestPath: "/nonexistent/guest", bwrapPath, log: { debug: () => {} } });
    const environments = createEnvironmentProvider("shell", { sandboxes });
    const problems = await environments.problems();
    expect(problems.join("\n")).toMatch(/apt-get install bubblewrap[^]*cargo build --release/);
    const environment = environments.create({ id: "ep-none", spec: shell(), limits });
    await expect(environment.reset(never)).rejects.toMatchObject({
      code: "SANDBOX_UNAVAILABLE",
      message: expect.stringContaining("apt-get install bubblewrap"),
    });
  });
});
