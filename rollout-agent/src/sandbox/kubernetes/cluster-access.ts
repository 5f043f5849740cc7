// Where the API server is and who we are there: a kubeconfig, or the account of the pod that we run in. The client library
// is for this alone (certificates, tokens that are renewed, programs that log in); it is loaded where a cluster is used.
import { existsSync } from "node:fs";
import type { RequestOptions } from "node:https";
import { HindcastError, messageOf } from "@hindcast/shared";

const tokenFile = "/var/run/secrets/kubernetes.io/serviceaccount/token";

export interface ClusterAccess {
  server: URL;
  /** Certificates and a token that holds now, for one request. */
  credentials: () => Promise<RequestOptions>;
}

/**
 * @param kubeconfig a file; null takes the pod's own account, or what kubectl would take here
 * @throws CONFIG_INVALID
 */
export async function clusterAccess(kubeconfig: string | null): Promise<ClusterAccess> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  try {
    if (kubeconfig !== null) config.loadFromFile(kubeconfig);
    else if (existsSync(tokenFile)) config.loadFromCluster();
    else config.loadFromDefault();
  } catch (error) {
    throw invalid(`the kubeconfig ${kubeconfig ?? ""} cannot be read: ${messageOf(error)}`, error);
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw invalid(`the kubeconfig ${kubeconfig ?? ""} has no current context`);
  return {
    server: new URL(cluster.server),
    credentials: async () => {
      const options: RequestOptions = {};
      await config.applyToHTTPSOptions(options);
      return options;
    },
  };
}

function invalid(message: string, cause?: unknown): HindcastError {
  const remedy = "name one in HINDCAST_SANDBOX_KUBECONFIG, or run where a service account's token is mounted";
  return new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message: `${message}; ${remedy}`, cause });
}
