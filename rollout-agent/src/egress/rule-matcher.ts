// Which rule allows a request. Pure, so that properties of it can be tested.
import type { EgressRule } from "@hindcast/shared";

/** What a sandbox asks for. */
export interface Destination {
  form: "request" | "tunnel";
  /** In lower case, without a dot at its end. */
  host: string;
  /** Null where the URL names none. */
  port: number | null;
  method: string;
}

export type Match =
  | { rule: EgressRule; index: number; port: number }
  /** How far the best rule went. */
  | { refused: "host" | "port" | "method" };

/** The first rule that allows it. */
export function matchRule(rules: readonly EgressRule[], destination: Destination): Match {
  let furthest: "host" | "port" | "method" = "host";
  for (const [index, rule] of rules.entries()) {
    const isTunnel = rule.via === "tunnel";
    if (isTunnel !== (destination.form === "tunnel") || !hostMatches(rule.host, destination.host)) continue;
    const port = portOf(rule, destination.port);
    if (port === null) {
      if (furthest === "host") furthest = "port";
      continue;
    }
    if (rule.via === "tunnel" || rule.methods.length === 0 || rule.methods.includes(destination.method)) {
      return { rule, index, port };
    }
    furthest = "method";
  }
  return { refused: furthest };
}

export function hostMatches(pattern: string, host: string): boolean {
  if (!pattern.startsWith("*.")) return pattern === host;
  const suffix = pattern.slice(1);
  return host.endsWith(suffix) && host.length > suffix.length;
}

/** The port to connect to; null where the rule does not have it. */
function portOf(rule: EgressRule, named: number | null): number | null {
  if (named === null && rule.via === "https") return rule.ports[0] ?? null;
  const port = named ?? 80;
  return rule.ports.includes(port) ? port : null;
}

/** Host and port of a URL or an authority in any spelling that the URL standard knows; null for anything else. */
export function parseTarget(text: string, form: Destination["form"]): { url: URL; host: string } | null {
  const spelled = form === "tunnel" ? `http://${text}` : text;
  if (form === "tunnel" && !/^[^/?#@\\\s]+:\d{1,5}$/.test(text)) return null;
  if (form === "request" && !/^http:\/\//i.test(text)) return null;
  const url = URL.parse(spelled);
  if (url === null || url.username !== "" || url.password !== "" || url.hostname === "") return null;
  return { url, host: url.hostname.replace(/\.$/, "") };
}
