// An overlay with components, images and changes that it does not take by itself: a folder that kubectl can apply.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { kubernetesFolder, type overlays } from "../support/manifests.ts";

export interface Variant {
  overlay: (typeof overlays)[number];
  components?: readonly string[];
  images?: readonly { name: string; newName?: string; newTag: string }[];
  patches?: readonly Patch[];
}

export interface Patch {
  target: { kind: string; name?: string; labelSelector?: string };
  /** JSON Patch. */
  operations: readonly { op: "add" | "remove" | "replace"; path: string; value?: unknown }[];
}

export function variantFolder({ overlay, components = [], images = [], patches = [] }: Variant): Disposable & {
  path: string;
} {
  const path = mkdtempSync(join(tmpdir(), "hindcast-variant-"));
  const place = (part: string): string => relative(path, `${kubernetesFolder}${part}`);
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    resources: [place(`overlays/${overlay}`)],
    components: components.map((name) => place(`components/${name}`)),
    images,
    patches: patches.map(({ target, operations }) => ({ target, patch: JSON.stringify(operations) })),
  };
  writeFileSync(join(path, "kustomization.yaml"), JSON.stringify(kustomization));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
