// Whether who runs this may apply the overlay: one SelfSubjectAccessReview for each kind, namespace and verb.
import pMap from "p-map";
import { z } from "zod";
import type { Finding } from "../../report/finding.ts";
import type { ClusterApi } from "./cluster-api.ts";
import { groupOf, type KnownKind } from "./kinds.ts";
import type { Needs } from "./needs.ts";

/** What `kubectl apply` does. */
const verbs = ["get", "create", "patch"] as const;
const reviewsAtOnce = 8;
const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

const Review = z.looseObject({
  status: z.looseObject({ allowed: z.boolean(), reason: z.string().default("") }),
});

interface Wanted {
  group: string;
  resource: string;
  namespace: string | null;
  verb: string;
}

export async function accessFindings(
  api: ClusterApi,
  { manifests }: Needs,
  kinds: readonly KnownKind[],
): Promise<Finding[]> {
  const wanted = new Map<string, Wanted>();
  for (const { apiVersion, kind, metadata } of manifests) {
    const known = kinds.find((each) => each.kind === kind && each.group === groupOf(apiVersion));
    if (known === undefined) continue;
    for (const verb of verbs) {
      const { group, resource } = known;
      const each = { group, resource, namespace: metadata.namespace ?? null, verb };
      wanted.set(JSON.stringify(each), each);
    }
  }
  const asked = await pMap(
    wanted.values(),
    async (right) => {
      const { namespace, ...rest } = right;
      const attributes = namespace === null ? rest : { ...rest, namespace };
      const body = {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        spec: { resourceAttributes: attributes },
      };
      return { right, answer: await api.post(path, body, Review) };
    },
    { concurrency: reviewsAtOnce },
  );
  const untold = asked.flatMap(({ answer }) => {
    if (answer.kind === "found") return [];
    return [answer.kind === "absent" ? "no such API" : answer.why];
  });
  const refused = asked.flatMap(({ right, answer }) =>
    answer.kind === "found" && !answer.value.status.allowed ? [right] : [],
  );
  const what = "permission to apply";
  if (untold[0] !== undefined) return [{ what, state: "advice", detail: `not looked at: ${untold[0]}` }];
  if (refused.length === 0) return [{ what, state: "good", detail: `${wanted.size} rights, all given` }];
  const byPlace = Map.groupBy(refused, ({ namespace }) => namespace ?? "the whole cluster");
  return [...byPlace].map(([place, rights]) => {
    const byResource = Map.groupBy(rights, ({ group, resource }) => (group === "" ? resource : `${resource}.${group}`));
    const list = [...byResource].map(([resource, each]) => `${each.map(({ verb }) => verb).join("/")} ${resource}`);
    return {
      what: `${what} in ${place}`,
      state: "missing",
      detail: `this user may not ${list.join(", ")}: ask for a Role with it`,
    };
  });
}
