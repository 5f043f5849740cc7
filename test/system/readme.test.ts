// Requirements: 3.15.readme, 3.own-docs, 7.7.clients
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { ClusterFile } from "../../coordinator/src/local/cluster-file.ts";
import { natsCli } from "../support/built-tools.ts";
import { aFolder, hindcast, startHindcast } from "../support/hindcast.ts";
import { pythonWithNats } from "../support/python.ts";

const run = promisify(execFile);
const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const clients = readFileSync(new URL("../../shared/docs/retrieval-clients.md", import.meta.url), "utf8");
const between = (mark: string, text = readme): string =>
  new RegExp(`<!-- ${mark}:start -->[\\s\\S]*?\`\`\`\\w+\\n([\\s\\S]*?)\`\`\``).exec(text)?.[1] ?? "";
const commandIn = (mark: string): string => between(mark, clients).replace(/^\$ /, "").trim();
const exists = (program: string, ...args: string[]): Promise<boolean> =>
  run(program, args).then(
    () => true,
    () => false,
  );

const manual = `# git settings

Set the pager that git uses:

\`\`\`sh
git config core.pager less
\`\`\`

Tell git who you are:

\`\`\`sh
git config user.name "Jane Doe"
\`\`\`
`;

describe("the README", () => {
  it("shows how one learns from one's own folder, and how Python and the nats command query what was learned", async (test) => {
    const found = await pythonWithNats();
    if ("reason" in found) return test.skip(found.reason);
    using folder = aFolder();
    mkdirSync(join(folder.path, "docs"));
    writeFileSync(join(folder.path, "docs", "settings.md"), manual);
    const learned = await hindcast(["run", "--docs", "./docs", "--environment", "shell", "--no-evaluation"], {
      cwd: folder.path,
    });
    expect(learned.code, learned.stderr).toBe(0);

    const owner = startHindcast(["--json", "up"], { cwd: folder.path });
    await owner.untilEvent("cluster.running");
    const { url, credentialsDirectory } = ClusterFile.parse(
      JSON.parse(readFileSync(join(folder.path, ".hindcast/run/cluster.json"), "utf8")),
    );
    const password = readFileSync(join(credentialsDirectory, "client"), "utf8");
    const programs = join(folder.path, "programs");
    mkdirSync(programs);
    if (natsCli !== null) symlinkSync(natsCli, join(programs, "nats"));
    const env = { PATH: `${process.env.PATH}:${programs}`, NATS_URL: url, NATS_PASSWORD: password };
    const { stdout } = await run(found.python, ["-c", between("python")], { env });
    expect(stdout).toMatch(/git config/);
    const command = between("nats-cli").replace(/^\$ /, "").trim();
    expect(command).toMatch(/^nats request hindcast\.retrieval\.stats /);
    if (natsCli !== null || (await exists("nats", "--version"))) {
      const answer = await run("sh", ["-c", command], { env });
      expect(JSON.parse(answer.stdout)).toMatchObject({ kind: "retrieval.statistics" });
      const health = await run("sh", ["-c", commandIn("nats-request")], { env });
      expect(JSON.parse(health.stdout)).toMatchObject({ kind: "retrieval.condition" });
      const statistics = await run("sh", ["-c", commandIn("nats-discovery")], { env });
      expect(JSON.parse(statistics.stdout)).toMatchObject({
        type: "io.nats.micro.v1.stats_response",
        name: "hindcast-retrieval",
      });
    }
    if (await exists("go", "version")) {
      const project = join(folder.path, "go");
      mkdirSync(project);
      writeFileSync(join(project, "main.go"), between("go", clients));
      // Everything of the surroundings: where Go keeps its modules and from whom it gets them.
      const options = { cwd: project, env: { ...process.env, ...env } };
      await run("go", ["mod", "init", "example"], options);
      await run("go", ["mod", "tidy"], options);
      expect((await run("go", ["run", "."], options)).stdout).toMatch(/git config/);
    }
    owner.child.kill("SIGINT");
    expect((await owner.done).code).toBe(130);
  });
});
