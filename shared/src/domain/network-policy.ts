// What a sandbox may reach outside itself. Nothing, unless a rule names it; and then only through the egress proxy of
// its agent, which knows the rules and the credentials (rollout-agent/src/egress).
import { z } from "zod";
import { limits } from "../limits.ts";

const label = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
/** Begins with a letter, so that no IP address in any of its spellings is a name. */
const lastLabel = "[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?";

/**
 * A host's name in lower case (punycode where it is international), or `*.example.org` for every name below
 * `example.org`, but not that name itself. Never an address, and never a whole top-level domain.
 */
export const HostPattern = z
  .string()
  .max(253)
  .regex(
    new RegExp(`^(?:(?:${label}\\.)*${lastLabel}|\\*\\.(?:${label}\\.)+${lastLabel})$`),
    'must be a host name in lower case, or "*." before a name of at least two labels',
  );

const Port = z.int().min(1).max(65_535);
const ports = (byDefault: number): z.ZodDefault<z.ZodArray<typeof Port>> =>
  z.array(Port).min(1).max(16).default([byDefault]);

const common = {
  host: HostPattern,
  /** Both directions together, headers included, of all requests of one sandbox that this rule allows. */
  bytesMax: z.int().positive().default(limits.egressBytesMaxDefault),
  /** One request or tunnel, from its first byte to its last. */
  timeMsMax: z.int().positive().max(limits.egressTimeMsMax).default(limits.egressTimeMsDefault),
  /**
   * Connect to this address instead of asking DNS. The only way to a private or a loopback address: whoever writes the
   * rule says that he means it. Link-local addresses (metadata services) are refused even so.
   */
  address: z.union([z.ipv4(), z.ipv6()]).nullable().default(null),
};

/** HTTP methods as they stand in a request; an empty list of a rule allows every one. */
const methods = z
  .array(z.string().regex(/^[A-Z]+$/, "must be in upper case"))
  .max(16)
  .default([]);

/** Plain HTTP on both sides of the proxy. */
export const HttpRule = z.strictObject({ via: z.literal("http"), ...common, ports: ports(80), methods });

export const EgressCredential = z.strictObject({
  /** The name under which the agent knows the secret (`HINDCAST_EGRESS_SECRETS_FILE`). */
  secret: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  /** The one request header in which the placeholder is replaced. */
  header: z
    .string()
    .regex(/^[a-z0-9-]+$/, "must be a header's name in lower case")
    .default("authorization"),
});

/**
 * The sandbox asks for `http://host/…`; the proxy sends it over TLS, after putting the secret where the placeholder
 * (`egressPlaceholder`) stands. A URL without a port means the first of `ports`.
 */
export const HttpsRule = z.strictObject({
  via: z.literal("https"),
  ...common,
  ports: ports(443),
  methods,
  credential: EgressCredential.nullable().default(null),
});

/** TLS from the sandbox to the host (CONNECT): the proxy sees the host's name and counts bytes, and nothing else. */
export const TunnelRule = z.strictObject({
  via: z.literal("tunnel"),
  ...common,
  ports: ports(443),
  methods: z
    .never('a tunnel hides its methods from the proxy: use via "https", where the proxy speaks TLS, to allow some only')
    .optional(),
});

export const EgressRule = z.discriminatedUnion("via", [HttpRule, HttpsRule, TunnelRule]);
export type EgressRule = z.infer<typeof EgressRule>;

export const NetworkPolicy = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none") }),
  z.strictObject({
    kind: z.literal("proxy"),
    /** A request is allowed by the first rule that fits it. */
    rules: z.array(EgressRule).max(limits.egressRulesMax),
    /** Of all rules together. */
    bytesMax: z.int().positive().default(limits.egressBytesMaxDefault),
  }),
]);
export type NetworkPolicy = z.infer<typeof NetworkPolicy>;
export type ProxyPolicy = Extract<NetworkPolicy, { kind: "proxy" }>;

/** What stands inside a sandbox for a secret that it never sees. */
export function egressPlaceholder(secret: string): string {
  return `hindcast-secret-${secret}`;
}

/** One request or tunnel as the proxy saw it. Holds no header and no body, and of a URL the path. */
export const EgressRecord = z.strictObject({
  v: z.literal(1),
  kind: z.literal("egress"),
  at: z.iso.datetime(),
  /** Null where no rule was found. */
  via: z.enum(["http", "https", "tunnel"]).nullable(),
  /** `CONNECT` for a tunnel. */
  method: z.string(),
  host: z.string(),
  port: z.int(),
  path: z.string(),
  /** What the other side answered; null where nobody was asked or nothing came. */
  status: z.int().nullable(),
  sentBytes: z.int().nonnegative(),
  receivedBytes: z.int().nonnegative(),
  durationMs: z.number().nonnegative(),
  /** `cut`: allowed, and ended by a cap; `failed`: allowed, and the other side did not serve it. */
  verdict: z.enum(["allowed", "refused", "cut", "failed"]),
  reason: z.string().nullable(),
});
export type EgressRecord = z.infer<typeof EgressRecord>;
