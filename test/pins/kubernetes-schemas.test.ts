// A field that nobody knows is refused here, and not silently dropped by an API server.
// Requirements: 7.9.schema
import { beforeAll, describe, expect, it } from "vitest";
import { complaintsOf } from "../support/kubernetes-schemas.ts";
import { kubectlMissing, type Manifest, render } from "../support/manifests.ts";

/** Where a field may be misspelt, and how it is spelt; paths end at an object. */
const misspelt: readonly (readonly [kind: string, at: readonly (string | number)[], field: string])[] = [
  ["ScaledObject", ["spec"], "cooldownPeriods"],
  ["ScaledObject", ["spec", "scaleTargetRef"], "nam"],
  ["ScaledObject", ["spec", "fallback"], "replica"],
  ["ScaledObject", ["spec", "triggers", 0], "metaData"],
  ["ScaledObject", ["spec", "advanced", "horizontalPodAutoscalerConfig", "behavior", "scaleDown"], "policy"],
  ["PodMonitor", ["spec"], "podMetricsEndpoint"],
  ["PodMonitor", ["spec", "selector"], "matchLabel"],
  ["PodMonitor", ["spec", "podMetricsEndpoints", 0, "relabelings", 0], "target_label"],
  ["PrometheusRule", ["spec", "groups", 0], "rule"],
  ["PrometheusRule", ["spec", "groups", 0, "rules", 0], "expression"],
  ["LimitRange", ["spec", "limits", 0], "defaultRequests"],
  ["LimitRange", ["metadata"], "lables"],
];

const missing = kubectlMissing();
describe.skipIf(missing !== null)(
  `a kind of the overlay production${missing === null ? "" : ` (skipped: ${missing})`}`,
  () => {
    let manifests: Manifest[];
    beforeAll(async () => {
      manifests = await render("production");
    });

    it.each(misspelt)("%s takes no misspelt field at %j: %s", (kind, at, field) => {
      const manifest = manifests.find((each) => each.kind === kind);
      if (manifest === undefined) throw new Error(`there is no ${kind}`);
      expect(complaintsOf(manifest)).toEqual([]);
      expect(complaintsOf(withField(manifest, at, field))).toEqual([expect.stringContaining(field)]);
    });

    it("takes no value of another type, no word that is not of the list, no duration that is none", () => {
      const changed = (kind: string, change: (text: string) => string): string[] | null => {
        const text = JSON.stringify(manifests.find((each) => each.kind === kind));
        expect(change(text)).not.toBe(text);
        return complaintsOf(JSON.parse(change(text)) as Manifest);
      };
      expect(changed("ScaledObject", (text) => text.replace('"minReplicaCount":0', '"minReplicaCount":"0"'))).toEqual([
        expect.stringMatching("/spec/minReplicaCount must be integer"),
      ]);
      expect(
        changed("ScaledObject", (text) => text.replace("currentReplicasIfHigher", "currentReplicasIfHigh")),
      ).toEqual([expect.stringMatching("/spec/fallback/behavior must be equal to one of")]);
      expect(changed("PodMonitor", (text) => text.replace('"interval":"15s"', '"interval":"15 seconds"'))).toEqual([
        expect.stringMatching("/interval must match pattern"),
      ]);
      expect(changed("PrometheusRule", (text) => text.replace('"for":"5m"', '"for":"5 m"'))).toEqual([
        expect.stringMatching("/for must match pattern"),
      ]);
    });
  },
);

function withField(manifest: Manifest, at: readonly (string | number)[], field: string): Manifest {
  const copy = structuredClone(manifest);
  let place: Record<string | number, unknown> = copy;
  for (const key of at) place = place[key] as Record<string | number, unknown>;
  place[field] = "x";
  return copy;
}
