// An overlay, or bases alone, with components, images and changes that they do not take by themselves: a folder that kubectl
// can apply.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { kubernetesFolder, type overlays } from "../support/manifests.ts";

export interface Variant {
  overlay?: (typeof overlays)[number];
  bases?: readonly string[];
  components?: readonly string[];
  images?: readonly { name: string; newName?: string; newTag: string }[];
  patches?: readonly Patch[];
}

export interface Patch {
  target: { kind: string; name?: string; labelSelector?: string };
  /** JSON Patch. */
  operations: readonly { op: "add" | "remove" | "replace"; path: string; value?: unknown }[];
}

/** One machine's share of what pods ask for; their limits stay as they are. */
export const oneMachine: Patch = {
  target: { kind: "StatefulSet|Deployment" },
  operations: [
    {
      op: "replace",
      path: "/spec/template/spec/containers/0/resources/requests",
      value: { cpu: "10m", memory: "96Mi" },
    },
  ],
};

/** As the overlay `local` has agents, where pods have no user namespaces. */
const privilegedAgents: Patch = {
  target: { kind: "Deployment", name: "rollout-agent-shell" },
  operations: [
    { op: "remove", path: "/spec/template/spec/hostUsers" },
    {
      op: "replace",
      path: "/spec/template/spec/containers/0/securityContext",
      value: { privileged: true, readOnlyRootFilesystem: true, seccompProfile: { type: "Unconfined" } },
    },
  ],
};

/** Those of `production`, on volumes, with the images of this machine. */
export function basesOnOneMachine(bases: readonly string[]): Variant {
  const images = ["coordinator", "index-core", "rollout-agent", "nats", "backup"];
  return {
    bases,
    images: images.map((name) => ({ name: `hindcast/${name}`, newTag: "dev" })),
    patches: [privilegedAgents, oneMachine],
  };
}

export function variantFolder(variant: Variant): Disposable & { path: string } {
  const { overlay, bases = [], components = [], images = [], patches = [] } = variant;
  const path = mkdtempSync(join(tmpdir(), "hindcast-variant-"));
  const place = (part: string): string => relative(path, `${kubernetesFolder}${part}`);
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    resources: [
      ...(overlay === undefined ? [] : [place(`overlays/${overlay}`)]),
      ...bases.map((name) => place(`bases/${name}`)),
    ],
    components: components.map((name) => place(`components/${name}`)),
    images,
    patches: patches.map(({ target, operations }) => ({ target, patch: JSON.stringify(operations) })),
  };
  writeFileSync(join(path, "kustomization.yaml"), JSON.stringify(kustomization));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
