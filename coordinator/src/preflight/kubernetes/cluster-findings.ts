// Whether a Kubernetes cluster has what an overlay needs, before it is applied and after. Everything is only read, but for
// SelfSubjectAccessReviews, which the API server answers and does not keep.
import { messageOf } from "@hindcast/shared";
import type { Finding } from "../../report/finding.ts";
import { accessFindings } from "./access.ts";
import { type ClusterApi, openCluster } from "./cluster-api.ts";
import { controlPlaneFindings, Node, nodeFindings } from "./control-plane.ts";
import { imageFindings } from "./images.ts";
import { kindFindings } from "./kinds.ts";
import { namespaceFindings } from "./namespaces.ts";
import { readNeeds, type Needs } from "./needs.ts";
import { podFindings } from "./pods.ts";
import { runtimeClassFindings, userNamespaceFindings } from "./runtime-classes.ts";
import { scaledObjectFindings } from "./scaled-objects.ts";
import { secretFindings } from "./secrets.ts";
import { storageFindings } from "./storage.ts";
import { unanswered } from "./unanswered.ts";

export async function clusterFindings(overlayFolder: string): Promise<Finding[]> {
  let needs: Needs;
  try {
    needs = await readNeeds(overlayFolder);
  } catch (error) {
    const detail = isMissing(error) ? "kubectl is not on PATH: install it, or use --no-kubernetes" : firstLines(error);
    return [{ what: `overlay ${overlayFolder}`, state: "missing", detail }];
  }
  try {
    await using api = await openCluster();
    return await findingsOf(api, needs);
  } catch (error) {
    const detail = `no cluster answers (${firstLines(error)}): set KUBECONFIG, or use --no-kubernetes`;
    return [{ what: "Kubernetes", state: "missing", detail }];
  }
}

async function findingsOf(api: ClusterApi, needs: Needs): Promise<Finding[]> {
  const { found: kinds, kinds: known } = await kindFindings(api, needs);
  const answer = await api.list("/api/v1/nodes", Node);
  const nodes = answer.kind === "found" ? answer.value : [];
  return [
    ...(await controlPlaneFindings(api)),
    ...(answer.kind === "found" ? nodeFindings(nodes) : [unanswered("nodes", answer)]),
    ...kinds,
    ...(await accessFindings(api, needs, known)),
    ...(await namespaceFindings(api, needs)),
    ...(await secretFindings(api, needs)),
    ...(await storageFindings(api, needs, nodes)),
    ...(await runtimeClassFindings(api, needs, nodes)),
    ...userNamespaceFindings(needs, nodes),
    ...(await scaledObjectFindings(api, needs)),
    // Who may not list nodes is told so above, and not for each image again.
    ...(nodes.length === 0 ? [] : imageFindings(needs, nodes)),
    ...(await podFindings(api, needs)),
  ];
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === "ENOENT";
}

/** kubectl says a line or two for people, after the command itself. */
function firstLines(error: unknown): string {
  const { stderr } = error as { stderr?: string };
  const text = stderr === undefined || stderr.trim() === "" ? messageOf(error) : stderr;
  return text.trim().split("\n").slice(0, 2).join(" ").slice(0, 300);
}
