// What an overlay asks of a cluster, read from the manifests that `kubectl kustomize` renders: only what is in them is
// looked for, so a cluster without KEDA is well with an overlay that has no ScaledObject.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import { z } from "zod";

const renderBytesMax = 16 * 1024 ** 2;

const Metadata = z.looseObject({
  name: z.string(),
  namespace: z.string().optional(),
  labels: z.record(z.string(), z.string()).default({}),
});
const Manifest = z.looseObject({ apiVersion: z.string(), kind: z.string(), metadata: Metadata });
export type Manifest = z.infer<typeof Manifest>;

const SecretKey = z.looseObject({ name: z.string(), key: z.string(), optional: z.boolean().default(false) });
const Container = z.looseObject({
  name: z.string(),
  image: z.string(),
  imagePullPolicy: z.string().optional(),
  env: z
    .array(z.looseObject({ valueFrom: z.looseObject({ secretKeyRef: SecretKey.optional() }).optional() }))
    .default([]),
  envFrom: z
    .array(
      z.looseObject({
        secretRef: z.looseObject({ name: z.string(), optional: z.boolean().default(false) }).optional(),
      }),
    )
    .default([]),
});
const PodSpec = z.looseObject({
  runtimeClassName: z.string().optional(),
  hostUsers: z.boolean().optional(),
  containers: z.array(Container),
  volumes: z
    .array(
      z.looseObject({
        secret: z.looseObject({ secretName: z.string(), optional: z.boolean().default(false) }).optional(),
        persistentVolumeClaim: z.looseObject({ claimName: z.string() }).optional(),
      }),
    )
    .default([]),
});
const Template = z.looseObject({
  metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
  spec: PodSpec,
});
const Claim = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({ storageClassName: z.string().optional() }),
});
const Controller = z.looseObject({
  spec: z.looseObject({
    replicas: z.int().optional(),
    template: Template.optional(),
    jobTemplate: z.looseObject({ spec: z.looseObject({ template: Template }) }).optional(),
    volumeClaimTemplates: z.array(Claim).default([]),
  }),
});

export interface Workload {
  kind: string;
  name: string;
  namespace: string;
  labels: Record<string, string>;
  pod: z.infer<typeof PodSpec>;
}

export interface Needs {
  manifests: Manifest[];
  workloads: Workload[];
  namespaces: { name: string; podSecurity: string | null }[];
  claims: { name: string; namespace: string; storageClass: string | null }[];
}

/** Kinds whose pods we look at; other kinds have none of ours. */
const controllers = ["Deployment", "StatefulSet", "CronJob"];
const podSecurityLabel = "pod-security.kubernetes.io/enforce";

/** @throws Error with kubectl's own words when it is missing or the folder cannot be rendered */
export async function readNeeds(overlayFolder: string): Promise<Needs> {
  const { stdout } = await promisify(execFile)("kubectl", ["kustomize", overlayFolder], { maxBuffer: renderBytesMax });
  return needsOf(parseAllDocuments(stdout).map((document) => Manifest.parse(document.toJS())));
}

export function needsOf(manifests: Manifest[]): Needs {
  const namespaces = manifests.flatMap(({ kind, metadata }) =>
    kind === "Namespace" ? [{ name: metadata.name, podSecurity: metadata.labels[podSecurityLabel] ?? null }] : [],
  );
  const found = manifests.filter(({ kind }) => controllers.includes(kind)).map(controllerOf);
  const claims = manifests
    .filter(({ kind }) => kind === "PersistentVolumeClaim")
    .map((manifest) => claimOf(Claim.parse(manifest), manifest.metadata.namespace ?? "default"));
  return {
    manifests,
    workloads: found.map(({ workload }) => workload),
    namespaces,
    claims: [...claims, ...found.flatMap((each) => each.claims)],
  };
}

function controllerOf(manifest: Manifest): { workload: Workload; claims: Needs["claims"] } {
  const { spec } = Controller.parse(manifest);
  const { kind, metadata } = manifest;
  const template = spec.template ?? spec.jobTemplate?.spec.template;
  if (template === undefined) throw new Error(`${kind} ${metadata.name} has no pod template`);
  const namespace = metadata.namespace ?? "default";
  const replicas = Array.from({ length: spec.replicas ?? 1 }, (_, index) => index);
  const claims = spec.volumeClaimTemplates.flatMap((claim) =>
    replicas.map((index) => {
      const made = claimOf(claim, namespace);
      return { ...made, name: `${made.name}-${metadata.name}-${index}` };
    }),
  );
  const workload = { kind, name: metadata.name, namespace, labels: template.metadata.labels, pod: template.spec };
  return { workload, claims };
}

function claimOf({ metadata, spec }: z.infer<typeof Claim>, namespace: string): Needs["claims"][number] {
  return { name: metadata.name, namespace, storageClass: spec.storageClassName ?? null };
}

export interface NeededSecret {
  name: string;
  namespace: string;
  /** Empty: all that it has. */
  keys: string[];
  isOptional: boolean;
  /** What cannot start without it. */
  usedBy: string[];
}

/** Secrets that pods mount or read, each once. */
export function secretsOf({ workloads }: Needs): NeededSecret[] {
  const found = new Map<string, NeededSecret>();
  for (const { name: user, namespace, pod } of workloads) {
    const need = (name: string, isOptional: boolean, key?: string): void => {
      const id = `${namespace}/${name}`;
      const secret = found.get(id) ?? { name, namespace, keys: [], isOptional: true, usedBy: [] };
      if (key !== undefined && !secret.keys.includes(key)) secret.keys.push(key);
      if (!secret.usedBy.includes(user)) secret.usedBy.push(user);
      secret.isOptional &&= isOptional;
      found.set(id, secret);
    };
    for (const { secret } of pod.volumes) if (secret !== undefined) need(secret.secretName, secret.optional);
    for (const { env, envFrom } of pod.containers) {
      for (const { valueFrom } of env) {
        const key = valueFrom?.secretKeyRef;
        if (key !== undefined) need(key.name, key.optional, key.key);
      }
      for (const { secretRef } of envFrom) if (secretRef !== undefined) need(secretRef.name, secretRef.optional);
    }
  }
  return [...found.values()];
}
