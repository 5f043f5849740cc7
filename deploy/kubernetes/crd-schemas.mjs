// Takes from the releases of those whose kinds our manifests have what these are checked against, without prose:
//   node deploy/kubernetes/crd-schemas.mjs && oxfmt deploy/kubernetes/schemas   # needs go, which fetches the releases
// What they have of Kubernetes' own types is a reference into kubernetes.json. Objects are closed, as there.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

const core = (name) => ({ $ref: `#/definitions/io.k8s.api.core.v1.${name}` });
const meta = { $ref: "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" };

/** By the file that is written: a Go module, where its CRDs lie, and what stands for a place in them (its last two names). */
const sources = {
  "agent-sandbox": {
    module: "sigs.k8s.io/agent-sandbox@v0.5.6",
    folder: "k8s/crds",
    crds: ["agents.x-k8s.io_sandboxes"].concat(
      ["sandboxclaims", "sandboxtemplates", "sandboxwarmpools"].map((name) => `extensions.agents.x-k8s.io_${name}`),
    ),
    instead: (before, last) => {
      if (last === "spec" && before === "podTemplate") return core("PodSpec");
      if (last === "spec" && before === "volumeClaimTemplates") return core("PersistentVolumeClaimSpec");
      if (before === "networkPolicy") return { type: "array" };
      return null;
    },
  },
  keda: {
    module: "github.com/kedacore/keda/v2@v2.21.0",
    folder: "config/crd/bases",
    crds: ["keda.sh_scaledobjects"],
    instead: () => null,
  },
  "prometheus-operator": {
    module: "github.com/prometheus-operator/prometheus-operator@v0.94.1",
    folder: "example/prometheus-operator-crd",
    crds: ["podmonitors", "prometheusrules"].map((name) => `monitoring.coreos.com_${name}`),
    instead: () => null,
  },
};
/** Kept as they are written: JSON Schema has them by the same names. */
const kept = ["enum", "required", "minimum", "maximum", "minLength", "minItems"];

for (const [name, { module, folder, crds, instead }] of Object.entries(sources)) {
  const { Dir, Version } = JSON.parse(execFileSync("go", ["mod", "download", "-json", module], { encoding: "utf8" }));
  const definitions = Object.fromEntries(
    crds.map((crd) => {
      const { spec } = parse(readFileSync(join(Dir, folder, `${crd}.yaml`), "utf8"));
      const { name: version, schema } = spec.versions.find(({ storage }) => storage);
      const definition = plain(schema.openAPIV3Schema, [], instead);
      definition.properties.metadata = meta;
      const { kind } = spec.names;
      return [`${spec.group}.${version}.${kind}`, { ...definition, kinds: [{ group: spec.group, kind, version }] }];
    }),
  );
  const target = join(dirname(fileURLToPath(import.meta.url)), "schemas", `${name}.json`);
  writeFileSync(target, `${JSON.stringify({ version: Version, definitions })}\n`);
}

function plain(node, path, instead) {
  const [last, before] = [path.at(-1), path.at(-2)];
  if (path.length === 1 && last === "status") return { type: "object" };
  const other = instead(before, last);
  if (other !== null) return other;
  // Whole numbers or percentages, and times: texts or numbers.
  const type = node["x-kubernetes-int-or-string"] === true ? ["integer", "string"] : node.type;
  return {
    ...(type === undefined ? {} : { type }),
    ...Object.fromEntries(kept.filter((key) => node[key] !== undefined).map((key) => [key, node[key]])),
    // `(?i)` of Go's expressions, in JavaScript's words.
    ...(node.pattern === undefined ? {} : { pattern: node.pattern.replace(/^\^\(\?i\)(.*)$/, "^(?i:$1)") }),
    ...(node.items === undefined ? {} : { items: plain(node.items, path, instead) }),
    ...(typeof node.additionalProperties === "object"
      ? { additionalProperties: plain(node.additionalProperties, [...path, "*"], instead) }
      : {}),
    ...(node.properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(node.properties).map(([key, value]) => [key, plain(value, [...path, key], instead)]),
          ),
          additionalProperties: node["x-kubernetes-preserve-unknown-fields"] === true,
        }),
  };
}
