// How programs inside a sandbox learn of the way out: the variables that curl, git, pip, npm, Python and Node read.

/** At the loopback address inside; the guest leads it to the proxy. */
export const egressPort = 3128;

const proxy = `http://127.0.0.1:${egressPort}`;
const direct = "localhost,127.0.0.1,::1";

export const egressEnvironment: readonly (readonly [name: string, value: string])[] = [
  ["http_proxy", proxy],
  ["https_proxy", proxy],
  ["HTTP_PROXY", proxy],
  ["HTTPS_PROXY", proxy],
  ["no_proxy", direct],
  ["NO_PROXY", direct],
  ["NODE_USE_ENV_PROXY", "1"],
  ["npm_config_offline", "false"],
];
