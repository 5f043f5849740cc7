// A Service in front of a port of this machine, which is the cluster's one node.
import { z } from "zod";
import { kubectl } from "./kubectl.ts";

const Nodes = z.looseObject({
  items: z.array(z.looseObject({ status: z.looseObject({ addresses: z.array(z.record(z.string(), z.string())) }) })),
});

export interface NodeService {
  name: string;
  namespace: string;
  port: number;
  /** On this machine, at all its addresses. */
  target: number;
}

export async function nodeService({ name, namespace, port, target }: NodeService): Promise<AsyncDisposable> {
  const nodes = Nodes.parse(JSON.parse(await kubectl(["get", "nodes", "-o", "json"])));
  const addresses = nodes.items.flatMap(({ status }) => status.addresses);
  const address = addresses.find(({ type }) => type === "InternalIP")?.["address"] ?? "";
  const metadata = { name, namespace };
  const items = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    { apiVersion: "v1", kind: "Service", metadata, spec: { ports: [{ name: "tcp", port, targetPort: target }] } },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { ...metadata, labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      ports: [{ name: "tcp", port: target }],
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    },
  ];
  await kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  return {
    [Symbol.asyncDispose]: async () => {
      const names = [`service/${name}`, `endpointslice/${name}`];
      await kubectl(["-n", namespace, "delete", "--ignore-not-found", ...names]);
    },
  };
}
