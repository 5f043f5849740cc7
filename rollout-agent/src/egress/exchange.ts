// One request or tunnel on its way through the proxy: what it may do, and what is written down about it.
import { performance } from "node:perf_hooks";
import { type EgressRecord, type EgressRule, limits, messageOf, type ProxyPolicy } from "@hindcast/shared";
import { ByteBudget, CutShort, Meter } from "./byte-budget.ts";
import { type Destination, matchRule } from "./rule-matcher.ts";
import type { OpenedTls, RegistryCredential } from "./opened-tls.ts";
import { type Resolve, routeTo, upstreamTls, type UpstreamTls } from "./upstream.ts";

export interface EgressOptions {
  policy: ProxyPolicy;
  /** By the name that rules use. */
  secrets: ReadonlyMap<string, string>;
  /** @default the host's own DNS */
  resolve?: Resolve;
  /** Certificates that hosts of `https` rules may be signed by, beside the usual ones: a company's, a test's. */
  extraCertificates?: readonly string[];
  /** TLS of the sandbox ends at the proxy, which sees methods and paths. @default tunnels lead through unread */
  opened?: OpenedTls;
  /** Put into requests to these hosts, whatever the sandbox sent there; only over TLS. @default none */
  credentials?: ReadonlyMap<string, RegistryCredential>;
  /** Told of each exchange once it has ended. */
  onRecord: (record: EgressRecord) => void;
}

/** What all exchanges of one proxy share. */
export interface EgressContext {
  options: Omit<EgressOptions, "resolve"> & { resolve: Resolve };
  tls: UpstreamTls;
  budgets: { policy: ByteBudget; rules: ByteBudget[] };
}

export interface Admitted {
  rule: EgressRule;
  port: number;
  addresses: string[];
}

/** A request that is not let through, or that the other side did not serve; `status` is what the sandbox is told. */
export class NotServed extends Error {
  readonly status: 400 | 403 | 502 | 504;

  constructor(status: 400 | 403 | 502 | 504, message: string) {
    super(message);
    this.status = status;
  }
}

export class Exchange {
  readonly #context: EgressContext;
  readonly #startedAt = performance.now();
  readonly #record: Omit<EgressRecord, "durationMs" | "sentBytes" | "receivedBytes" | "verdict" | "reason">;
  #isRecorded = false;
  #sent = new Meter([]);
  #received = new Meter([]);
  status: number | null = null;

  constructor(context: EgressContext, { method, host, port, path }: { path: string } & Omit<Destination, "form">) {
    this.#context = context;
    this.#record = {
      v: 1,
      kind: "egress",
      at: new Date().toISOString(),
      via: null,
      method: method.slice(0, 32),
      host: host.slice(0, 255),
      port: port ?? 0,
      path: path.slice(0, limits.egressPathCharsMax),
      status: null,
    };
  }

  get sent(): Meter {
    return this.#sent;
  }

  get received(): Meter {
    return this.#received;
  }

  /** @throws NotServed when no rule allows it or its name leads where it must not */
  async admit(destination: Destination): Promise<Admitted> {
    const { options, budgets } = this.#context;
    const match = matchRule(options.policy.rules, destination);
    if ("refused" in match) throw new NotServed(403, this.#refusal(match.refused, destination));
    const { rule, index, port } = match;
    Object.assign(this.#record, { via: rule.via, port });
    const shared = [budgets.policy, budgets.rules[index]].filter((budget) => budget !== undefined);
    if (shared.some((budget) => budget.isSpent)) throw new NotServed(403, usedUp.message);
    [this.#sent, this.#received] = [new Meter(shared), new Meter(shared)];
    const route = await routeTo(destination.host, rule, options.resolve);
    if ("refused" in route) throw new NotServed(403, route.refused);
    if ("failed" in route) throw new NotServed(502, route.failed);
    return { rule, port, addresses: route.addresses };
  }

  #refusal(what: "host" | "port" | "method", { host, port, method, form }: Destination): string {
    if (what === "method") return `no rule allows ${method} to ${host}`;
    if (what === "port") return `no rule allows port ${port ?? 80} of ${host}`;
    return form === "tunnel"
      ? `no rule allows a tunnel to ${JSON.stringify(host)}`
      : `no rule allows requests to ${JSON.stringify(host)}`;
  }

  /** Writes it down, once; later ends of the same exchange say nothing new. */
  finish(error: unknown = null): void {
    if (this.#isRecorded) return;
    this.#isRecorded = true;
    this.#context.options.onRecord({
      ...this.#record,
      status: this.status,
      sentBytes: this.#sent.bytes,
      receivedBytes: this.#received.bytes,
      durationMs: Math.round(performance.now() - this.#startedAt),
      // What follows from a cut (a connection that breaks) may be heard of before the cut itself.
      ...verdictOf(this.#sent.isCut || this.#received.isCut ? usedUp : error),
    });
  }
}

const usedUp = new CutShort("the allowed bytes are used up");

function verdictOf(error: unknown): Pick<EgressRecord, "verdict" | "reason"> {
  if (error === null) return { verdict: "allowed", reason: null };
  const reason = messageOf(error).slice(0, 500);
  if (error instanceof CutShort) return { verdict: "cut", reason };
  return { verdict: error instanceof NotServed && error.status < 500 ? "refused" : "failed", reason };
}

export function contextOf(options: EgressOptions, byDefault: Resolve): EgressContext {
  const { policy } = options;
  const rules = policy.rules.map(({ bytesMax }) => new ByteBudget(bytesMax));
  return {
    options: { ...options, resolve: options.resolve ?? byDefault },
    tls: upstreamTls(options),
    budgets: { policy: new ByteBudget(policy.bytesMax), rules },
  };
}

/** Ends an exchange after its time. */
export function deadlineOf(timeMs: number): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new CutShort(`it took longer than ${timeMs} ms`)), timeMs);
  return { signal: controller.signal, stop: () => clearTimeout(timer) };
}
