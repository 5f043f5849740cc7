// The kinds of the Prometheus operator, where it is not there to bring them: they take every field and do nothing.
import { kubectl } from "./kubectl.ts";

const group = "monitoring.coreos.com";
const kinds = ["PodMonitor", "PrometheusRule"];

export async function prometheusKinds(): Promise<AsyncDisposable> {
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const definitions = kinds.map((kind) => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${kind.toLowerCase()}s.${group}` },
    spec: {
      group,
      names: { kind, plural: `${kind.toLowerCase()}s` },
      scope: "Namespaced",
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  }));
  const list = { apiVersion: "v1", kind: "List", items: definitions };
  const names = definitions.map(({ metadata }) => metadata.name);
  await kubectl(["apply", "-f", "-"], JSON.stringify(list));
  await kubectl(["wait", "--for=condition=Established", ...names.map((name) => `crd/${name}`), "--timeout=30s"]);
  return { [Symbol.asyncDispose]: async () => void (await kubectl(["delete", "crd", ...names, "--ignore-not-found"])) };
}
