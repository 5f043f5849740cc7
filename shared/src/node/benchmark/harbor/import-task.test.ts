// Requirements: 6.16.harbor-import, 6.16.harbor-export
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ShellSpec } from "../../../domain/environment-spec.ts";
import { type ExportedTask, exportHarborTask } from "./export-task.ts";
import { type HarborImport, type HarborTask, importHarborTask } from "./import-task.ts";

const host = { python: "3.11", node: "24" };
const config =
  '[agent]\ntimeout_sec = 120.0\n[verifier]\ntimeout_sec = 30\nenv = { LEVEL = "2", USER_NAME = "${NAME:-nobody}" }\n';
const aFolder = (changes: Record<string, string | null> = {}): Parameters<typeof importHarborTask>[0] => {
  const files = {
    "task.toml": `schema_version = "1.4"\n${config}`,
    "instruction.md": "# Sort\n\nSort /app/list.txt.\n",
    "environment/Dockerfile": "FROM debian:bookworm\nWORKDIR /app\nCOPY list.txt .\nRUN touch ready\n",
    "environment/list.txt": "b\na\n",
    "tests/test.sh": "#!/bin/bash\nsort -c /app/list.txt && echo 1 > /logs/verifier/reward.txt\n",
    "solution/solve.sh": "sort -o /app/list.txt /app/list.txt\n",
    ...changes,
  };
  const given = Object.entries(files).flatMap(([path, text]) =>
    text === null ? [] : [[path, Buffer.from(text)] as const],
  );
  return { name: "sort-list", files: new Map(given) };
};
const imported = (changes?: Record<string, string | null>): HarborImport => importHarborTask(aFolder(changes), host);

function taskOf(result: HarborImport): HarborTask {
  if (result.kind !== "task") throw new Error(result.reason);
  return result.task;
}

describe("a Harbor task folder", () => {
  it("is a task of the shell world", () => {
    expect(imported()).toEqual({
      kind: "task",
      task: {
        name: "sort-list",
        instruction: "# Sort\n\nSort /app/list.txt.",
        environment: {
          kind: "shell",
          files: [{ path: "list.txt", content: "b\na\n" }],
          setup: ["touch ready"],
          aliases: ["/app"],
        },
        reference: {
          kind: "harbor",
          files: [{ path: "test.sh", content: expect.stringContaining("sort -c") }],
          timeoutMs: 30_000,
          env: { LEVEL: "2", USER_NAME: "nobody" },
        },
        limits: { wallTimeMs: 120_000 },
        solution: { files: [{ path: "solve.sh", content: "sort -o /app/list.txt /app/list.txt\n" }], env: {} },
      },
    });
  });

  it("may be of an earlier schema, and marked against training", () => {
    const { instruction, limits } = taskOf(
      imported({
        "task.toml": 'version = "1.0"\n[environment]\nos = "Linux"\nmemory = "2G"\nstorage = "512M"\n',
        "instruction.md": "<!-- harbor-canary GUID 1-2-3 -->\n# a canary string\n\n# Sort\n\nSort it.\n",
      }),
    );
    expect(instruction).toBe("# Sort\n\nSort it.");
    expect(limits).toEqual({ memoryBytesMax: 2 * 2 ** 30, diskBytesMax: 512 * 2 ** 20 });
  });

  it("may say more of its image: folders, variables, commands in either form", () => {
    const dockerfile = [
      "FROM --platform=linux/amd64 docker.io/library/python:3.11-slim AS base",
      "ENV MODE=fast",
      "WORKDIR /srv/site",
      "COPY --chown=1000 site/ ./",
      'RUN ["python3", "-m", "compileall", "-q", "."]',
      "RUN <<EOF\necho one\nEOF",
      "USER root",
      'CMD ["bash"]',
    ].join("\n");
    const { environment } = taskOf(
      imported({
        "environment/Dockerfile": dockerfile,
        "environment/site/a/b.py": "x = 1\n",
        "environment/site/c.py": "",
      }),
    );
    expect(environment).toEqual({
      kind: "shell",
      files: [
        { path: "site/a/b.py", content: "x = 1\n" },
        { path: "site/c.py", content: "" },
      ],
      setup: ["export MODE=fast", "mkdir -p /srv/site && cd /srv/site", "python3 -m compileall -q .", "echo one"],
      aliases: ["/srv"],
    });
  });

  it.each<[string, Record<string, string | null>, RegExp]>([
    [
      "another base",
      { "environment/Dockerfile": "FROM rust:1.90\nWORKDIR /app" },
      /based on rust:1.90, and the system here \(python 3.11/,
    ],
    ["another Python", { "environment/Dockerfile": "FROM python:3.13\nWORKDIR /app" }, /python:3.13/],
    ["packages", { "environment/Dockerfile": "FROM debian\nRUN apt-get update\nWORKDIR /app" }, /built with apt-get/],
    [
      "a clone",
      { "environment/Dockerfile": "FROM debian\nWORKDIR /app\nRUN git clone https://x/y ." },
      /built with git clone/,
    ],
    [
      "files after commands",
      { "environment/Dockerfile": "FROM debian\nWORKDIR /app\nRUN git init -q\nCOPY list.txt ." },
      /copies files after its commands/,
    ],
    ["several stages", { "environment/Dockerfile": "FROM debian\nFROM debian" }, /several stages/],
    [
      "files outside",
      { "environment/Dockerfile": "FROM debian\nWORKDIR /app\nCOPY list.txt /etc/list.txt" },
      /puts a file at \/etc\/list.txt/,
    ],
    ["a system folder", { "environment/Dockerfile": "FROM debian\nWORKDIR /usr/src" }, /works in \/usr\/src/],
    ["no folder", { "environment/Dockerfile": "FROM debian" }, /works in \//],
    [
      "a missing file",
      { "environment/Dockerfile": "FROM debian\nWORKDIR /app\nCOPY nothing ." },
      /copies nothing, which is not/,
    ],
    ["an unknown instruction", { "environment/Dockerfile": "FROM debian\nWORKDIR /app\nONBUILD RUN x" }, /ONBUILD/],
    ["a TPU", { "task.toml": '[environment.tpu]\ntype = "v6e"\ntopology = "1x1"' }, /needs a TPU/],
    ["a network for its agent", { "task.toml": '[agent]\nnetwork_mode = "allowlist"' }, /its agent needs the network/],
    ["a history", { "trajectory.json": "{}" }, /goes on from a trajectory of its own/],
    ["containers", { "environment/docker-compose.yaml": "services: {}" }, /several containers/],
    ["an image", { "task.toml": '[environment]\ndocker_image = "a/b"' }, /its image a\/b is not built/],
    ["GPUs", { "task.toml": "[environment]\ngpus = 1" }, /1 GPU/],
    [
      "hosts",
      { "task.toml": '[environment]\nnetwork_mode = "allowlist"\nallowed_hosts = ["pypi.org"]' },
      /network \(pypi.org\)/,
    ],
    ["Windows", { "task.toml": '[environment]\nos = "windows"' }, /windows/],
    ["MCP servers", { "task.toml": '[[environment.mcp_servers]]\nname = "a"\nurl = "http://a"' }, /MCP servers/],
    ["a key", { "task.toml": '[verifier]\nenv = { KEY = "${API_KEY}" }' }, /the variable API_KEY of whoever runs it/],
    [
      "tests that install",
      { "tests/test.sh": "curl -LsSf https://astral.sh/uv/install.sh | sh" },
      /its tests use curl/,
    ],
    ["a long instruction", { "instruction.md": "x".repeat(8_001) }, /8001 characters/],
    ["a large file", { "environment/list.txt": "x".repeat(190_000) }, /bytes, and 163840 fit/],
  ])("is unavailable where it needs %s, and the reason is said", (_, changes, reason) => {
    expect(imported(changes)).toEqual({
      kind: "unavailable",
      name: "sort-list",
      reason: expect.stringMatching(reason),
    });
  });

  it("is unavailable where a file is no text", () => {
    const folder = aFolder();
    const files = new Map([...folder.files, ["environment/list.txt", Uint8Array.of(0xff, 0xfe)]]);
    expect(importHarborTask({ ...folder, files }, host)).toMatchObject({
      reason: expect.stringContaining("is no text"),
    });
  });

  it.each([
    ["no TOML", "schema_version = ", "PROTOCOL_INVALID"],
    ["of another version", 'schema_version = "2.0"', "PROTOCOL_UNKNOWN_VERSION"],
    ["with a wrong type", "[verifier]\ntimeout_sec = true", "PROTOCOL_INVALID"],
  ])("is refused where its task.toml is %s", (_, text, code) => {
    expect(() => imported({ "task.toml": text })).toThrow(expect.objectContaining({ code }));
  });

  it("puts earlier variables in the place of their names, as Docker does", () => {
    const dockerfile = "FROM debian\nENV PATH=/app/bin:$PATH\nWORKDIR /app\n";
    const found = imported({ "environment/Dockerfile": dockerfile });
    expect(JSON.stringify(found)).toContain(String.raw`export PATH=\"/app/bin:$PATH\"`);
  });

  it("does not take comments and names for programs that need a network", () => {
    expect(
      imported({ "tests/test.sh": "# like curl or pip install\necho pip-free > /logs/verifier/reward.txt" }).kind,
    ).toBe("task");
  });
});

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
const line = fc.string({ minLength: 1, maxLength: 40 }).filter((text) => text.trim() !== "" && !text.includes("\0"));
const seeds = fc.uniqueArray(fc.record({ path: word, content: fc.string({ maxLength: 60 }) }), {
  maxLength: 4,
  selector: ({ path }) => path,
});
const exported: fc.Arbitrary<ExportedTask> = fc.record({
  name: word,
  instruction: line.map((text) => text.trim()),
  environment: fc.record({
    kind: fc.constant("shell" as const),
    files: seeds.map((files) => files.toSorted((a, b) => (a.path < b.path ? -1 : 1))),
    setup: fc.array(
      word.map((name) => `touch "${name}" 'it''s' && echo \\\\ $HOME`),
      { maxLength: 1 },
    ),
  }),
  reference: fc.record({
    kind: fc.constant("harbor" as const),
    files: fc.constant<{ path: string; content: string }[]>([
      { path: "test.sh", content: "echo 1 > /logs/verifier/reward.txt\n" },
    ]),
    timeoutMs: fc.integer({ min: 1, max: 9 }).map((seconds) => seconds * 1_000),
    env: fc.dictionary(fc.stringMatching(/^[A-Z]{1,6}$/), fc.stringMatching(/^[a-z ]{0,8}$/), { maxKeys: 2 }),
  }),
  limits: fc.record({
    wallTimeMs: fc.integer({ min: 1, max: 900 }).map((seconds) => seconds * 1_000),
    memoryBytesMax: fc.integer({ min: 1, max: 64 }).map((n) => n * 1024 * 1024),
    diskBytesMax: fc.integer({ min: 1, max: 64 }).map((n) => n * 1024 * 1024),
  }),
});

describe("a task that is exported as a Harbor folder", () => {
  it("is the same task when it is imported", () => {
    fc.assert(
      fc.property(exported, (task) => {
        const { name, instruction, environment, reference, limits } = taskOf(
          importHarborTask(exportHarborTask(task), host),
        );
        expect({ name, instruction, environment, reference, limits }).toEqual(task);
      }),
    );
  });

  it("keeps what its commands share: several are one session", () => {
    const environment = ShellSpec.parse({ kind: "shell", files: [], setup: ["cd /tmp; a=1", "echo $a"] });
    const task = { name: "t", instruction: "i", environment, reference: { commands: ["touch x"] }, limits: someLimits };
    const folder = exportHarborTask(task);
    expect(taskOf(importHarborTask(folder, host)).environment.setup).toEqual(["{\ncd /tmp; a=1\n} && {\necho $a\n}"]);
    // Whoever builds the image makes its commits, too.
    const dockerfile = Buffer.from(folder.files.get("environment/Dockerfile") ?? []).toString();
    expect(dockerfile).toMatch(/^ENV GIT_CONFIG_VALUE_0="Agent"$[\s\S]*^RUN /m);
    expect([...folder.files.keys()]).toEqual([
      "instruction.md",
      "task.toml",
      "environment/Dockerfile",
      "tests/test.sh",
      "tests/start.sh",
      "tests/reference.sh",
      "solution/solve.sh",
    ]);
  });
});

const someLimits = { wallTimeMs: 60_000, memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 26 };
