// The configuration of one nats-server with Hindcast's account: credentials on, least privilege per role, JetStream on
// disk. Rendered as nats-server's own format; strings are JSON strings, which it reads.
import type { Permissions } from "./permissions.ts";

export interface ServerUser {
  user: string;
  /** Plain, a bcrypt hash (`$2a$…`), or the name of the variable of nats-server's environment that holds either. */
  password: string | { variable: string };
  permissions: Permissions;
}

export interface ServerConfig {
  serverName: string;
  host: string;
  port: number;
  monitorPort: number;
  jetstreamDirectory: string;
  /** Bytes that JetStream may use on disk. */
  fileStoreBytesMax: number;
  users: readonly ServerUser[];
  /** Null: a single server. */
  cluster: ClusterConfig | null;
}

export interface ClusterConfig {
  name: string;
  /** Where the others reach this server. */
  port: number;
  /** `nats://host:port` of the servers that this one calls. */
  routes: readonly string[];
}

export const accountName = "HINDCAST";

export function renderServerConfig(config: ServerConfig): string {
  return `# Written by Hindcast. Contains passwords: keep it readable by its owner only.
server_name: ${text(config.serverName)}
listen: ${text(`${config.host}:${config.port}`)}
http: ${text(`${config.host}:${config.monitorPort}`)}
max_payload: 1MB
# A retired server gives clients this long to move elsewhere.
lame_duck_duration: "30s"

jetstream {
  store_dir: ${text(config.jetstreamDirectory)}
  max_file_store: ${config.fileStoreBytesMax}
  # By default acknowledged messages reach the disk within two minutes; a single server must not lose any.
  sync_interval: always
}
${config.cluster === null ? "" : cluster(config.host, config.cluster)}
${renderAccounts(config.users)}`;
}

/** Hindcast's account with its users, and the server's own without any. */
export function renderAccounts(users: readonly ServerUser[]): string {
  return `accounts {
  ${accountName} {
    jetstream: enabled
    users: [
${users.map(user).join("\n")}
    ]
  }
  SYS {
    users: []
  }
}
system_account: SYS
`;
}

/** Routes are exactly those that are named: what servers tell each other of routes would lead around a proxy. */
function cluster(host: string, { name, port, routes }: ClusterConfig): string {
  return `
cluster {
  name: ${text(name)}
  listen: ${text(`${host}:${port}`)}
  no_advertise: true
  routes: ${list(routes)}
}
`;
}

function user({ user: name, password, permissions }: ServerUser): string {
  const responses = permissions.allowResponses ? '\n          allow_responses: { max: 1, expires: "2m" }' : "";
  return `      {
        user: ${text(name)}
        password: ${typeof password === "string" ? text(password) : `$${password.variable}`}
        permissions {
          publish: { allow: ${list(permissions.publish)} }
          subscribe: { allow: ${list(permissions.subscribe)} }${responses}
        }
      }`;
}

function text(value: string): string {
  return JSON.stringify(value);
}

function list(values: readonly string[]): string {
  return `[\n${values.map((value) => `            ${text(value)}`).join("\n")}\n          ]`;
}
