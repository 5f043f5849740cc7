// One program as a Job in the namespace `hindcast`, as `restricted` as its neighbours, with the password of the user `client`.
import { kubectl } from "./kubectl.ts";

const namespace = "hindcast";
const timeout = "180s";

export interface JobOptions {
  name: string;
  image: string;
  command?: readonly string[];
  args?: readonly string[];
  env: Record<string, string>;
  /** Mounted as `/files`. */
  files?: Record<string, string>;
  /** Where else one of them lies: its name, by its path there. */
  places?: Record<string, string>;
}

/** @returns what it wrote. @throws Error with its last lines when it does not complete */
export async function runJob(options: JobOptions): Promise<string> {
  const { name, files = {} } = options;
  const job = `job/${name}`;
  const documents = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: `${name}-files`, namespace },
    data: files,
  };
  await kubectl(["-n", namespace, "delete", job, "--ignore-not-found"]);
  const list = { apiVersion: "v1", kind: "List", items: [documents, manifestOf(options)] };
  await kubectl(["apply", "-f", "-"], JSON.stringify(list));
  try {
    await kubectl(["-n", namespace, "wait", "--for=condition=complete", job, `--timeout=${timeout}`]);
  } catch (error) {
    const said = await kubectl(["-n", namespace, "logs", job, "--tail=20"]).catch(String);
    throw new Error(`the Job ${name} did not complete: ${said}`, { cause: error });
  }
  return await kubectl(["-n", namespace, "logs", job]);
}

function manifestOf({ name, image, command, args, env, places = {} }: JobOptions): object {
  const labels = {
    // Policies know pods by it: who may reach NATS, and nothing else.
    "hindcast.dev/bus": "client",
    "hindcast.dev/job": name,
  };
  const variables = Object.entries(env).map(([key, value]) => ({ name: key, value }));
  const password = { name: "NATS_PASSWORD", valueFrom: { secretKeyRef: { name: "bus-client", key: "password" } } };
  const container = {
    name,
    image,
    imagePullPolicy: "IfNotPresent",
    ...(command === undefined ? {} : { command }),
    ...(args === undefined ? {} : { args }),
    env: [...variables, password],
    resources: { requests: { cpu: "10m", memory: "96Mi" }, limits: { cpu: "1", memory: "512Mi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: [
      ...["bus", "files", "tmp"].map((mount) => ({ name: mount, mountPath: `/${mount}` })),
      ...Object.entries(places).map(([mountPath, subPath]) => ({ name: "files", mountPath, subPath })),
    ],
  };
  const user = { runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001 };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace },
    spec: {
      backoffLimit: 0,
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: "Never",
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: { ...user, seccompProfile: { type: "RuntimeDefault" } },
          containers: [container],
          volumes: [
            { name: "bus", secret: { secretName: "bus-client", defaultMode: 0o440 } },
            { name: "files", configMap: { name: `${name}-files` } },
            { name: "tmp", emptyDir: {} },
          ],
        },
      },
    },
  };
}
