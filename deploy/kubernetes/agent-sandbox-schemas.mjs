// Takes from a release of kubernetes-sigs/agent-sandbox what our claims and its warm pools are checked against, without prose:
//   node deploy/kubernetes/agent-sandbox-schemas.mjs "$(go mod download -json sigs.k8s.io/agent-sandbox@v0.5.6 | jq -r .Dir)"
// What it has of Kubernetes' own types is a reference into kubernetes.json. Objects are closed, as there.
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

const folder = process.argv[2] ?? "";
const names = ["agents.x-k8s.io_sandboxes"].concat(
  ["sandboxclaims", "sandboxtemplates", "sandboxwarmpools"].map((name) => `extensions.agents.x-k8s.io_${name}`),
);
const core = (name) => ({ $ref: `#/definitions/io.k8s.api.core.v1.${name}` });
const meta = { $ref: "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" };

const definitions = Object.fromEntries(
  names.map((name) => {
    const { spec } = parse(readFileSync(join(folder, "k8s/crds", `${name}.yaml`), "utf8"));
    const { name: version, schema } = spec.versions.find(({ storage }) => storage);
    const definition = plain(schema.openAPIV3Schema, []);
    definition.properties.metadata = meta;
    const { kind } = spec.names;
    return [`${spec.group}.${version}.${kind}`, { ...definition, kinds: [{ group: spec.group, kind, version }] }];
  }),
);
const target = join(dirname(fileURLToPath(import.meta.url)), "schemas", "agent-sandbox.json");
writeFileSync(target, `${JSON.stringify({ version: basename(folder).split("@")[1], definitions })}\n`);

function plain(node, path) {
  const [last, before] = [path.at(-1), path.at(-2)];
  if (last === "spec" && before === "podTemplate") return core("PodSpec");
  if (last === "spec" && before === "volumeClaimTemplates") return core("PersistentVolumeClaimSpec");
  if (before === "networkPolicy") return { type: "array" };
  if (last === "status") return { type: "object" };
  const { type, enum: values, required, minimum } = node;
  return {
    ...(type === undefined ? {} : { type }),
    ...(values === undefined ? {} : { enum: values }),
    ...(required === undefined ? {} : { required }),
    ...(minimum === undefined ? {} : { minimum }),
    ...(node.items === undefined ? {} : { items: plain(node.items, path) }),
    ...(typeof node.additionalProperties === "object"
      ? { additionalProperties: plain(node.additionalProperties, [...path, "*"]) }
      : {}),
    ...(node.properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(node.properties).map(([key, value]) => [key, plain(value, [...path, key])]),
          ),
          additionalProperties: false,
        }),
  };
}
