// A campaign that is started by a pod: the command line of the coordinator's image, over documents from a ConfigMap.
import { kubectl } from "./kubectl.ts";

const document = "# Tags\n\nMake a tag:\n\n```sh\ngit tag v1\n```\n\nList tags:\n\n```sh\ngit tag --list\n```\n";

export async function insideJob(): Promise<string> {
  const secret = "bus-client";
  const manifest = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "campaign", namespace: "hindcast" },
    spec: {
      backoffLimit: 0,
      template: {
        metadata: {
          labels: {
            "app.kubernetes.io/name": "coordinator",
            "hindcast.dev/bus": "client",
            "hindcast.dev/job": "campaign",
          },
        },
        spec: {
          restartPolicy: "Never",
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: { runAsNonRoot: true, fsGroup: 10001, seccompProfile: { type: "RuntimeDefault" } },
          containers: [
            {
              name: "hindcast",
              image: "hindcast/coordinator:dev",
              imagePullPolicy: "IfNotPresent",
              args: ["/app/coordinator/dist/cli/main.js", "run", "--docs", "/docs/tags.md"],
              env: Object.entries({
                HINDCAST_NATS_URL: "tls://nats.hindcast.svc.cluster.local:4222",
                HINDCAST_NATS_USER: "client",
                HINDCAST_NATS_PASSWORD_FILE: "/bus/password",
                HINDCAST_NATS_CA_FILE: "/bus/ca.crt",
              }).map(([name, value]) => ({ name, value })),
              resources: { requests: { cpu: "10m", memory: "96Mi" }, limits: { cpu: "1", memory: "512Mi" } },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ["ALL"] },
              },
              volumeMounts: ["bus", "docs", "tmp"].map((name) => ({ name, mountPath: `/${name}` })),
            },
          ],
          volumes: [
            { name: "bus", secret: { secretName: secret, defaultMode: 0o440 } },
            { name: "docs", configMap: { name: "documents" } },
            { name: "tmp", emptyDir: {} },
          ],
        },
      },
    },
  };
  const documents = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "documents", namespace: "hindcast" },
    data: { "tags.md": document },
  };
  await kubectl(["-n", "hindcast", "delete", "job/campaign", "--ignore-not-found"]);
  const list = { apiVersion: "v1", kind: "List", items: [documents, manifest] };
  await kubectl(["apply", "-f", "-"], JSON.stringify(list));
  try {
    await kubectl(["-n", "hindcast", "wait", "--for=condition=complete", "job/campaign", "--timeout=180s"]);
  } catch (error) {
    throw new Error(
      `the Job did not complete: ${await kubectl(["-n", "hindcast", "logs", "job/campaign", "--tail=20"])}`,
      { cause: error },
    );
  }
  const said = await kubectl(["-n", "hindcast", "logs", "job/campaign"]);
  return /in the index +(.*)/.exec(said)?.[1]?.trim() ?? "no demonstrations";
}
