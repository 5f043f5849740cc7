// A code task that was made here as a Harbor task folder: the repository as it is with its bug, and a verifier that runs
// the hidden tests and judges what they print by SWE-bench's rules. What an image would have to fetch, and logs that a
// few lines cannot read as our evaluator does, are refused: the folder would be judged otherwise than the task.
import type { SeedFile } from "../../../domain/environment-spec.ts";
import { fitEvalScript } from "../swe-bench/eval-script.ts";
import type { SweBenchInstance } from "../swe-bench/instance.ts";
import type { InstanceRequirements } from "../swe-bench/requirements.ts";
import type { ExportedTask } from "./export-task.ts";
import { quoted } from "./image-facts.ts";

export interface RepositoryFile {
  path: string;
  content: string;
  isExecutable: boolean;
}

export interface ExportedInstance {
  instance: SweBenchInstance;
  requirements: InstanceRequirements;
  /** All that the base commit holds. */
  files: readonly RepositoryFile[];
  /** Major version of the Node that its tests passed and failed with. */
  node: string;
  limits: ExportedTask["limits"];
  /** Of the hidden tests. */
  verifierTimeoutMs: number;
}

/** Why a task cannot be exported: a sentence for a table. */
export class NotExportable extends Error {}

const testbed = "/testbed";
/** As in the evaluation scripts of tasks. */
const endOfPatch = "EOF_114329324912";

/** @throws NotExportable */
export function sweBenchAsHarbor(exported: ExportedInstance): ExportedTask {
  const { instance, requirements, files, node, limits, verifierTimeoutMs } = exported;
  const reason = whyNot(instance, requirements);
  if (reason !== null) throw new NotExportable(reason);
  const executable = files.filter(({ isExecutable }) => isExecutable).map(({ path }) => quoted(path));
  return {
    name: instance.instance_id,
    instruction: instance.problem_statement,
    base: `node:${node}-bookworm`,
    environment: {
      kind: "shell",
      files: files.map(({ path, content }) => ({ path, content })),
      setup: [
        [
          ...(executable.length === 0 ? [] : [`chmod +x ${executable.join(" ")}`]),
          "git init -q .",
          "git add -A -f .",
          'git commit -qm "The project as it is."',
        ].join(" && "),
      ],
      aliases: [testbed],
    },
    reference: { kind: "harbor", files: testsOf(instance), timeoutMs: verifierTimeoutMs, env: {} },
    limits,
    solution: [{ path: "solve.sh", content: solving(instance.patch) }],
  };
}

function whyNot(
  {
    instance_id: id,
    eval_script: script,
    base_commit: base,
    log_parser: parser,
    eval_type: evalType,
  }: SweBenchInstance,
  { environment, packages, clock, image }: InstanceRequirements,
): string | null {
  const pinned = [
    ...(environment?.packages ?? []),
    ...(environment?.optionalPackages ?? []),
    ...(packages?.packages ?? []),
  ];
  const parts = fitEvalScript(script);
  const reasons: [boolean, string][] = [
    [/^\.+$/.test(id), `its id "${id}" is no folder's name`],
    [image !== null, `its environment is the image ${image}`],
    [
      pinned.length > 0,
      `it needs ${pinned.slice(0, 3).join(", ")}${pinned.length > 3 ? " and more" : ""}, which an image would have to fetch`,
    ],
    [clock !== null, `its tests need the clock at ${clock}`],
    [
      parser !== "parse_log_tap",
      `its log is read by ${parser}; folders judge logs of parse_log_tap ("node --test --test-reporter=tap")`,
    ],
    [evalType !== "pass_and_fail", `it is judged by ${evalType}`],
    [parts === null, "its evaluation script lacks its marks"],
    [
      parts !== null && prepared(parts.prepare, base).includes(base),
      `its evaluation script needs the commit ${base.slice(0, 12)}, which a folder does not carry`,
    ],
  ];
  return reasons.find(([holds]) => holds)?.[1] ?? null;
}

/** Without what only shows the changes since a commit that has another name in the folder. */
function prepared(script: string, base: string): string {
  return script
    .split("\n")
    .filter((line) => !(/^git (-c \S+ )?diff /.test(line) && line.includes(base)))
    .join("\n");
}

function testsOf({ eval_script: script, base_commit: base, FAIL_TO_PASS, PASS_TO_PASS }: SweBenchInstance): SeedFile[] {
  const parts = fitEvalScript(script);
  if (parts === null) throw new NotExportable("its evaluation script lacks its marks");
  const expected = { failToPass: FAIL_TO_PASS, passToPass: PASS_TO_PASS };
  return [
    { path: "test.sh", content: testScript(parts.test) },
    { path: "prepare", content: `${prepared(parts.prepare, base)}\n` },
    { path: "judge.mjs", content: judge },
    { path: "expected.json", content: `${JSON.stringify(expected, null, 2)}\n` },
  ];
}

function solving(patch: string): string {
  return `#!/bin/bash\ncd ${testbed}\ngit apply -v - <<'${endOfPatch}'\n${patch.replace(/\n$/, "")}\n${endOfPatch}\n`;
}

/** One shell, as what prepares may set variables for the tests; what they exit with is the tests' own. */
function testScript(test: string): string {
  return `#!/bin/bash
# Success: the tests pass that the bug had broken, and those still pass that it had not.
mkdir -p /logs/verifier
cd ${testbed}
{
. /tests/prepare
} > /tmp/prepared.txt 2>&1
{
${test}
} > /tmp/tested.txt 2>&1
node /tests/judge.mjs /tmp/tested.txt $? > /tmp/reward.txt && cp /tmp/reward.txt /logs/verifier/reward.txt
`;
}

/** As `readEvalLog` and `gradeInstance` have it for TAP. */
const judge = String.raw`// Reads TAP as SWE-bench does and prints the reward. Arguments: the log, and what the tests ended with.
import { readFileSync } from "node:fs";

const [, , path, exitCode] = process.argv;
const { failToPass, passToPass } = JSON.parse(readFileSync(new URL("expected.json", import.meta.url), "utf8"));
const statuses = new Map();
for (const line of readFileSync(path, "utf8").replace(/\r\n?/g, "\n").split("\n")) {
  const [, status, name] = /^(ok|not ok) \p{Nd}+ (.+)$/su.exec(line.trim()) ?? [];
  if (name !== undefined) statuses.set(name, status === "ok");
}
const hasFailure = [...statuses.values()].includes(false);
const failed = [...failToPass, ...passToPass].filter((test) => statuses.get(test) !== true);
// Whoever ends in failure and names no test that failed is not believed.
const isBelieved = statuses.size > 0 && (exitCode === "0" || hasFailure);
for (const test of failed) console.error("not passed: " + test);
if (!isBelieved) console.error("the log is no evidence: exit code " + exitCode + ", " + statuses.size + " tests");
console.log(isBelieved && failed.length === 0 ? 1 : 0);
`;
