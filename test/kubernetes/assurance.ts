// What every pod is promised to be: answering its probes, allowed what its role needs and no more, and confined as its manifest
// says, asked of the running pods themselves.
import { z } from "zod";
import { natsFindings } from "../../coordinator/src/preflight/nats/nats-findings.ts";
import type { Installation } from "./installation.ts";
import { agentsNamespace, busNamespace } from "./installation.ts";
import { kubectl, secretValue } from "./kubectl.ts";

const Probe = z.looseObject({ httpGet: z.looseObject({ path: z.string(), port: z.string() }) });
const Pod = z.looseObject({
  metadata: z.looseObject({ name: z.string(), namespace: z.string() }),
  spec: z.looseObject({
    serviceAccountName: z.string(),
    containers: z.array(
      z.looseObject({
        name: z.string(),
        ports: z.array(z.looseObject({ name: z.string(), containerPort: z.int() })).default([]),
        startupProbe: Probe.optional(),
        readinessProbe: Probe.optional(),
        livenessProbe: Probe.optional(),
      }),
    ),
  }),
  status: z.looseObject({ phase: z.string() }),
});
type Pod = z.infer<typeof Pod>;
const probeKinds = ["startupProbe", "readinessProbe", "livenessProbe"] as const;
/** NATS's image has no Node to ask with; its manifest is held to the same by the tests. */
const inside = `
const { existsSync, writeFileSync } = require("node:fs");
const problems = [];
if (process.getuid() === 0) problems.push("it is root");
if (existsSync("/var/run/secrets/kubernetes.io")) problems.push("it has a token");
if (Object.keys(process.env).some((name) => name.endsWith("_SERVICE_HOST") && !name.startsWith("KUBERNETES_"))) problems.push("it is told of Services");
try { writeFileSync("/written", ""); problems.push("its root can be written to"); } catch {}
process.stdout.write(problems.join(", "));
`;

async function runningPods(): Promise<Pod[]> {
  const pods: Pod[] = [];
  for (const namespace of [busNamespace, agentsNamespace]) {
    const answer: unknown = JSON.parse(await kubectl(["-n", namespace, "get", "pods", "-o", "json"]));
    pods.push(...z.looseObject({ items: z.array(Pod) }).parse(answer).items);
  }
  return pods.filter(({ status }) => status.phase === "Running");
}

/** Each one as the kubelet asks it, by the API server's proxy; nobody was killed for not answering. */
export async function probesAnswer(): Promise<string> {
  const pods = await runningPods();
  let asked = 0;
  for (const { metadata, spec } of pods) {
    const at = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;
    for (const container of spec.containers) {
      for (const kind of probeKinds) {
        const probe = container[kind];
        if (probe === undefined) throw new Error(`${metadata.name} has no ${kind}`);
        const { path, port } = probe.httpGet;
        const number = container.ports.find(({ name }) => name === port)?.containerPort;
        await kubectl(["get", "--raw", `${at}:${number}/proxy${path}`]);
        asked += 1;
      }
    }
  }
  for (const namespace of [busNamespace, agentsNamespace]) {
    const killed = await kubectl(["-n", namespace, "get", "events", "--field-selector=reason=Killing"]);
    const failed = killed.split("\n").find((line) => line.includes("failed liveness probe"));
    if (failed !== undefined) throw new Error(failed);
  }
  return `${asked} probes of ${pods.length} pods answer, nobody was killed for not answering`;
}

export async function permissionsAreRight(installation: Installation): Promise<string> {
  const users = ["coordinator", "index-core", "client", "backup"] as const;
  for (const user of users) await userIsRight(await installation.access(user));
  const agent = "rollout-agent-shell";
  const password = await secretValue(agentsNamespace, `bus-${agent}`, "password");
  await userIsRight({ ...(await installation.access("client")), user: agent, password });
  const pods = await runningPods();
  const accounts = new Set(pods.map(({ metadata, spec }) => `${metadata.namespace}:${spec.serviceAccountName}`));
  for (const account of accounts) {
    const options = ["-n", account.split(":")[0] ?? "", `--as=system:serviceaccount:${account}`];
    for (const what of ["secrets", "pods"]) {
      // It says no by its exit code, too.
      const answer = await kubectl(["auth", "can-i", "get", what, ...options]).catch(() => "no");
      if (answer.trim() !== "no") throw new Error(`${account} may get ${what} of the API server`);
    }
  }
  const ours = pods.filter(({ spec }) => !["nats", "backup"].includes(spec.serviceAccountName));
  for (const { metadata } of ours) {
    const said = await kubectl(["-n", metadata.namespace, "exec", metadata.name, "--", "/app/node", "-e", inside]);
    if (said !== "") throw new Error(`${metadata.name}: ${said}`);
  }
  return `${users.length + 1} users of NATS may do what their role does and no more; ${accounts.size} service accounts may do nothing; ${ours.length} pods have no root, no token and nothing to write to`;
}

async function userIsRight(access: { servers: string; user: string; password: string; caFile: string }): Promise<void> {
  const { servers, user, password, caFile } = access;
  const findings = await natsFindings({ servers, user, password, caFile, role: null });
  const wrong = findings.filter(
    ({ what, state }) => state === "missing" || (what === `NATS user ${user}` && state !== "good"),
  );
  if (wrong.length > 0) throw new Error(`${user}: ${wrong.map(({ detail }) => detail).join("; ")}`);
}
