// Sandboxes from a warm pool, in a cluster that does not know agent-sandbox's kinds: kubectl, preflight and the agents say so.
import { agentsNamespace, applyOverlay } from "../installation.ts";
import { kubectl } from "../kubectl.ts";
import { crashes, found, logged } from "../told.ts";
import { variantFolder } from "../variant.ts";

const kind = "SandboxTemplate";
const namespace = "hindcast-sandboxes";
const ofCluster = ["clusterrole/hindcast-runtime-classes", "clusterrolebinding/hindcast-runtime-classes"];

export async function missingKind(): Promise<string> {
  const known = await kubectl(["get", "crd", "sandboxtemplates.extensions.agents.x-k8s.io", "-o", "name"]).catch(
    () => "",
  );
  if (known !== "") throw new Error("the cluster knows agent-sandbox's kinds: take them out of it for this");
  try {
    using variant = variantFolder({ overlay: "local", components: ["agent-sandbox", "warm-pool"] });
    // All but the kinds that are not there is applied.
    const refusal = await applyOverlay(variant.path).then(() => "it took them", String);
    const said = new RegExp(`no matches for kind "${kind}"[^;\\n]*`).exec(refusal)?.[0];
    if (said === undefined) throw new Error(`kubectl apply: ${refusal}`);
    const line = await logged(/install kubernetes-sigs\/agent-sandbox/);
    const state = await crashes();
    const told = await found(variant.path, ({ what }) => what === `kind ${kind}`);
    return `kubectl: ${said}; ${line}; ${state}; ${told}`;
  } finally {
    await kubectl(["delete", "--ignore-not-found", `namespace/${namespace}`, ...ofCluster]);
    const policy = "networkpolicy/rollout-agent-api-server";
    await kubectl(["-n", agentsNamespace, "delete", "--ignore-not-found", policy]);
  }
}
