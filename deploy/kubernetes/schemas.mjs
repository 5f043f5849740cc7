// Takes from the API description of a Kubernetes release what our manifests are checked against, without prose:
//   node deploy/kubernetes/schemas.mjs "$(go mod download -json k8s.io/kubernetes@v1.34.2 | jq -r .Dir)/api/openapi-spec/swagger.json"
// Objects are closed, so that a misspelt field fails here and is not silently dropped by an API server.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const kinds = [
  "v1.Namespace",
  "v1.ServiceAccount",
  "v1.Service",
  "v1.ConfigMap",
  "v1.PersistentVolumeClaim",
  "v1.Secret",
  "v1.Pod",
  "v1.ResourceQuota",
  "v1.LimitRange",
]
  .map((name) => `io.k8s.api.core.${name}`)
  .concat(["v1.Deployment", "v1.StatefulSet"].map((name) => `io.k8s.api.apps.${name}`))
  .concat(
    [
      "batch.v1.CronJob",
      "batch.v1.Job",
      "policy.v1.PodDisruptionBudget",
      "networking.v1.NetworkPolicy",
      "node.v1.RuntimeClass",
      "rbac.v1.Role",
      "rbac.v1.RoleBinding",
      "rbac.v1.ClusterRole",
      "rbac.v1.ClusterRoleBinding",
    ].map((name) => `io.k8s.api.${name}`),
  );

const { definitions, info } = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"));
const kept = {};
const take = (name) => {
  if (kept[name] !== undefined) return;
  kept[name] = {};
  kept[name] = plain(definitions[name]);
};
kinds.forEach(take);
const target = join(dirname(fileURLToPath(import.meta.url)), "schemas", "kubernetes.json");
writeFileSync(target, `${JSON.stringify({ version: info.version, definitions: kept })}\n`);

function plain(node) {
  if (node.$ref !== undefined) {
    take(node.$ref.replace("#/definitions/", ""));
    return { $ref: node.$ref };
  }
  // Quantities, whole numbers or percentages, and times are texts or numbers.
  if (node.format === "int-or-string") return { type: ["integer", "string"] };
  if (node.type === "string" && node.properties === undefined)
    return /Quantity/.test(node.description ?? "") ? { type: ["string", "number"] } : { type: "string" };
  const { type, enum: values, required } = node;
  return {
    ...(type === undefined ? {} : { type }),
    ...(values === undefined ? {} : { enum: values }),
    ...(required === undefined ? {} : { required }),
    ...(node.items === undefined ? {} : { items: plain(node.items) }),
    ...(node.properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(Object.entries(node.properties).map(([key, value]) => [key, plain(value)])),
          additionalProperties: false,
        }),
    ...(typeof node.additionalProperties === "object"
      ? { additionalProperties: plain(node.additionalProperties) }
      : {}),
    ...(node["x-kubernetes-group-version-kind"] === undefined
      ? {}
      : { kinds: node["x-kubernetes-group-version-kind"] }),
  };
}
