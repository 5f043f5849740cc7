// What an API server would say to a manifest, by the schemas that are committed: of Kubernetes, agent-sandbox, KEDA and
// the Prometheus operator.
import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { z } from "zod";
import { kubernetesFolder } from "./manifests.ts";

const Schemas = z.object({
  version: z.string(),
  definitions: z.record(
    z.string(),
    z.looseObject({
      kinds: z.array(z.object({ group: z.string(), kind: z.string(), version: z.string() })).optional(),
    }),
  ),
});

function read(name: string): z.infer<typeof Schemas> {
  return Schemas.parse(JSON.parse(readFileSync(`${kubernetesFolder}schemas/${name}.json`, "utf8")));
}

export const agentSandbox = read("agent-sandbox");
const definitions = {
  ...read("kubernetes").definitions,
  ...agentSandbox.definitions,
  ...read("keda").definitions,
  ...read("prometheus-operator").definitions,
};
const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema({ $id: "kubernetes", definitions });

/** Null: a kind that no schema here describes. */
export function complaintsOf(manifest: { apiVersion: string; kind: string }): string[] | null {
  const [version = "", group = ""] = manifest.apiVersion.split("/").toReversed();
  const isIt = (each: { group: string; kind: string; version: string }): boolean =>
    each.group === group && each.version === version && each.kind === manifest.kind;
  const name = Object.keys(definitions).find((key) => definitions[key]?.kinds?.some(isIt));
  if (name === undefined) return null;
  const validate = ajv.getSchema(`kubernetes#/definitions/${name}`);
  if (validate === undefined) throw new Error(`there is no schema ${name}`);
  return validate(manifest)
    ? []
    : (validate.errors ?? []).map(
        (error) => `${error.instancePath} ${error.message ?? ""} ${JSON.stringify(error.params)}`,
      );
}
