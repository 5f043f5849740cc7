// What a sandbox may reach outside itself. No driver gives it an interface: allowed requests leave through the guest's
// channel, to a proxy on the host that knows the rules and the credentials.

/** One permission; a request passes when any rule allows it. */
export interface EgressRule {
  /** A host name, or `*.example.org` for every name below one. */
  host: string;
  /** @default every method */
  methods?: readonly string[];
}

export type NetworkPolicy = { kind: "none" } | { kind: "proxy"; rules: readonly EgressRule[] };
