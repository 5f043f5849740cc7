// The kind PodMonitor, where the Prometheus operator is not there to bring it: it takes every field and does nothing.
import { kubectl } from "./kubectl.ts";

const name = "podmonitors.monitoring.coreos.com";

export async function podMonitorKind(): Promise<AsyncDisposable> {
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const definition = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name },
    spec: {
      group: "monitoring.coreos.com",
      names: { kind: "PodMonitor", plural: "podmonitors" },
      scope: "Namespaced",
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  };
  await kubectl(["apply", "-f", "-"], JSON.stringify(definition));
  await kubectl(["wait", "--for=condition=Established", `crd/${name}`, "--timeout=30s"]);
  return { [Symbol.asyncDispose]: async () => void (await kubectl(["delete", "crd", name, "--ignore-not-found"])) };
}
