// Kubernetes manifests as `kubectl kustomize` renders them, and the questions that policies ask of them.
import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import { z } from "zod";

export const kubernetesFolder = fileURLToPath(new URL("../../deploy/kubernetes/", import.meta.url));
export const overlays = ["local", "production", "pods"] as const;

const Labels = z.record(z.string(), z.string());
export const Manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});
export type Manifest = z.infer<typeof Manifest>;

const Container = z.looseObject({
  name: z.string(),
  image: z.string(),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).default([]),
  ports: z.array(z.looseObject({ name: z.string(), containerPort: z.int() })).default([]),
  resources: z.looseObject({ requests: Labels, limits: Labels }),
  securityContext: z.looseObject({}),
});
export type Container = z.infer<typeof Container>;

const PodSpec = z.looseObject({
  serviceAccountName: z.string(),
  automountServiceAccountToken: z.boolean(),
  terminationGracePeriodSeconds: z.int().optional(),
  securityContext: z.looseObject({ runAsNonRoot: z.boolean().optional() }),
  containers: z.array(Container).min(1),
});
const Template = z.looseObject({ metadata: z.looseObject({ labels: Labels }), spec: PodSpec });

/** A pod that some controller makes. */
export interface Workload {
  kind: string;
  name: string;
  namespace: string;
  labels: Record<string, string>;
  pod: z.infer<typeof PodSpec>;
}

/** Null where kubectl can render, else why it cannot. */
export function kubectlMissing(): string | null {
  try {
    execFileSync("kubectl", ["version", "--client"], { stdio: "ignore" });
    return null;
  } catch {
    return "kubectl, which renders the overlays, is not on PATH";
  }
}

export async function render(overlay: string): Promise<Manifest[]> {
  return await renderFolder(`${kubernetesFolder}overlays/${overlay}`);
}

async function renderFolder(folder: string): Promise<Manifest[]> {
  const { stdout } = await promisify(execFile)("kubectl", ["kustomize", folder], { maxBuffer: 16 * 1024 * 1024 });
  return parseAllDocuments(stdout).map((document) => Manifest.parse(document.toJS()));
}

/** A base or an overlay with components that it does not take by itself. */
export async function renderParts(resource: string, components: readonly string[]): Promise<Manifest[]> {
  const folder = await mkdtemp(join(tmpdir(), "hindcast-overlay-"));
  try {
    const place = (path: string): string => relative(folder, `${kubernetesFolder}${path}`);
    const kind = { apiVersion: "kustomize.config.k8s.io/v1beta1", kind: "Kustomization" };
    const taken = { resources: [place(resource)], components: components.map((name) => place(`components/${name}`)) };
    await writeFile(join(folder, "kustomization.yaml"), JSON.stringify({ ...kind, ...taken }));
    return await renderFolder(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

export function workloadsOf(manifests: readonly Manifest[]): Workload[] {
  return manifests.flatMap((manifest) => {
    const { kind, metadata } = manifest;
    const holder = z
      .looseObject({ spec: z.looseObject({ template: z.unknown().optional(), jobTemplate: z.unknown().optional() }) })
      .safeParse(manifest);
    if (!holder.success || !["Deployment", "StatefulSet", "CronJob"].includes(kind)) return [];
    const { spec } = holder.data;
    const template = Template.parse(
      kind === "CronJob"
        ? z.looseObject({ spec: z.looseObject({ template: z.unknown() }) }).parse(spec.jobTemplate).spec.template
        : spec.template,
    );
    return [
      {
        kind,
        name: metadata.name,
        namespace: metadata.namespace ?? "",
        labels: template.metadata.labels,
        pod: template.spec,
      },
    ];
  });
}

/** Whether labels are what `matchLabels` asks for; no selector at all selects everything. */
export function selects(matchLabels: Record<string, string> | undefined, labels: Record<string, string>): boolean {
  return Object.entries(matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}
