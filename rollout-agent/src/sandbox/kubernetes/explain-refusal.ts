// What a refusal of the cluster means for whoever set up sandboxes, with the remedy.

export interface RefusalContext {
  namespace: string;
  warmPool?: string | null;
  seccompProfile: string | null;
}

/** A sentence with the remedy. */
export function explainRefusal(complaint: string, context: RefusalContext): string {
  const { namespace, seccompProfile } = context;
  const remedies: readonly (readonly [RegExp, string])[] = [
    [/exceeded quota/, `the namespace ${namespace} is full: raise its ResourceQuota, or run fewer slots`],
    [
      /maximum \w+ usage per Container/,
      `a sandbox of the namespace ${namespace} may not be that large: raise max of its LimitRange, or ask for less ` +
        "(campaign.limits)",
    ],
    [
      /violates PodSecurity/,
      `the namespace ${namespace} allows no such pod: set HINDCAST_SANDBOX_SECCOMP_PROFILE to a profile of the nodes, or ` +
        "label the namespace for a weaker Pod Security",
    ],
    [
      /: 403 /,
      `the account may not do that in ${namespace}: apply deploy/kubernetes/components/agent-sandbox, which has its Role`,
    ],
    [/: 401 /, "the cluster does not know us: renew the kubeconfig, or mount a service account's token"],
    [/namespaces? "[^"]*" not found/, `make the namespace ${namespace}, or name another in HINDCAST_SANDBOX_NAMESPACE`],
    [
      /extensions\.agents\.x-k8s\.io.*: 404 404 page not found|no matches for kind/,
      "install kubernetes-sigs/agent-sandbox with its extensions (v1beta1), or leave HINDCAST_SANDBOX_WARM_POOL unset",
    ],
    [
      /ErrImage|ImagePull|InvalidImage/,
      'make the image with "hindcast image pack" and load it into the nodes, or push it where they pull from ' +
        "(HINDCAST_SANDBOX_REPOSITORY)",
    ],
    [
      /seccomp/i,
      `put the profile ${seccompProfile ?? ""} (deploy/kubernetes/components/agent-sandbox/seccomp.json) into the ` +
        "kubelet's folder seccomp on each node",
    ],
    [
      /entering the pod: Operation not permitted/,
      "allow user namespaces to ordinary users on the nodes (user.max_user_namespaces), or choose a RuntimeClass with a " +
        "kernel of its own",
    ],
    [/Insufficient|didn't match|untolerated/, "add nodes, or run fewer slots"],
    [/ECONNREFUSED|ENOTFOUND|ETIMEDOUT|no answer within/, "is the API server up, and may the agent reach it?"],
  ];
  const remedy = remedies.find(([pattern]) => pattern.test(complaint))?.[1];
  return `A pod could not be opened (${complaint})${remedy === undefined ? "." : `: ${remedy}.`}`;
}
