// Requirements: 7.5.traces, 7.5.redaction
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { aFolder, startHindcast, hindcast } from "../support/hindcast.ts";
import { startOtlpReceiver } from "../support/otlp-receiver.ts";

const manual = `# git settings

Set the pager that git uses:

\`\`\`sh
git config core.pager less
\`\`\`
`;

it("a document is followed to its demonstrations through all processes, without a word of what was said", async () => {
  using folder = aFolder();
  await using collector = await startOtlpReceiver();
  writeFileSync(join(folder.path, "settings.md"), manual);
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  const owner = startHindcast(["--json", "up"], { cwd: folder.path, env });
  await owner.untilEvent("cluster.running");
  const run = await hindcast(["--json", "run", "--docs", "settings.md"], { cwd: folder.path, env });
  expect(run.code, run.stderr).toBe(0);
  // What is left is sent while the processes end.
  owner.child.kill("SIGINT");
  await owner.done;

  const { spans } = collector;
  const documents = spans.filter(({ name }) => name === "document");
  expect(documents).toHaveLength(1);
  const trace = spans.filter(({ traceId }) => traceId === documents[0]?.traceId);
  const ids = new Set(trace.map(({ spanId }) => spanId));
  expect(trace.filter(({ parentSpanId }) => parentSpanId !== "" && !ids.has(parentSpanId))).toEqual([]);
  const names = new Set(trace.map(({ name }) => name.replace(/^(chat|execute_tool) .*/, "$1")));
  for (const name of [
    "task propose",
    "propose",
    "task rollout",
    "task construct",
    "task replay",
    "invoke_agent rollout-agent",
    "step",
    "chat",
    "execute_tool",
    "retrieval hindcast-retrieval",
    "answer search",
    "construct backward",
    "vote",
    "demonstration",
  ]) {
    expect(names, name).toContain(name);
  }
  expect(new Set(trace.map(({ service }) => service))).toEqual(
    new Set(["hindcast-coordinator", "hindcast-rollout-agent", "hindcast-index-core"]),
  );
  const chat = trace.find(({ name }) => name.startsWith("chat "));
  expect(chat?.attributes).toMatchObject({ "gen_ai.operation.name": "chat", "gen_ai.provider.name": "hindcast" });
  for (const word of ["core.pager", "git config", "Set the pager"]) expect(collector.raw.join("")).not.toContain(word);
});
