// Rules of egress as one writes them into a configuration: a line each.
import { z } from "zod";
import { EgressRule, type NetworkPolicy, NetworkPolicy as NetworkPolicySchema } from "./network-policy.ts";

const form = /^(?<via>http|https|tunnel) (?<host>[^\s:]+)(?::(?<ports>\d+(?:\+\d+)*))?(?<rest>(?: [a-z]+=\S+)*)$/;
const expected = 'expected e.g. "tunnel pypi.org", "http *.example.org:80+8080 methods=GET+HEAD bytes=1000000"';
const words = new Set(["methods", "bytes", "address", "secret", "header"]);

/**
 * `VIA HOST[:PORT+PORT]`, then any of `methods=GET+HEAD`, `bytes=N`, `address=IP`, `secret=NAME`, `header=NAME`: an
 * `EgressRule` in one line.
 */
export const EgressRuleText = z.string().superRefine((text, context) => {
  try {
    parseEgressRule(text);
  } catch (error) {
    context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
  }
});

/** @throws Error that says what is wrong with it */
export function parseEgressRule(text: string): EgressRule {
  const groups = form.exec(text.trim().replaceAll(/\s+/g, " "))?.groups;
  if (groups === undefined) throw new Error(expected);
  const pairs = (groups["rest"] ?? "")
    .split(" ")
    .filter((word) => word !== "")
    .map((word): [string, string] => {
      const at = word.indexOf("=");
      return [word.slice(0, at), word.slice(at + 1)];
    });
  const stranger = pairs.find(([name]) => !words.has(name))?.[0];
  if (stranger !== undefined) throw new Error(`knows no ${stranger}=; ${expected}`);
  const given = new Map(pairs);
  const secret = given.get("secret");
  const header = given.get("header");
  const parsed = EgressRule.safeParse({
    via: groups["via"],
    host: groups["host"],
    ...(groups["ports"] === undefined ? {} : { ports: groups["ports"].split("+").map(Number) }),
    ...(given.has("methods") ? { methods: given.get("methods")?.split("+") } : {}),
    ...(given.has("bytes") ? { bytesMax: Number(given.get("bytes")) } : {}),
    ...(given.has("address") ? { address: given.get("address") } : {}),
    ...(secret === undefined && header === undefined
      ? {}
      : { credential: { secret, ...(header === undefined ? {} : { header }) } }),
  });
  if (parsed.success) return parsed.data;
  throw new Error(parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`).join("; "));
}

/** What episodes of a campaign may reach; undefined for nothing, which is how campaigns without rules are written. */
export function networkOfRules(rules: readonly string[]): NetworkPolicy | undefined {
  if (rules.length === 0) return undefined;
  return NetworkPolicySchema.parse({ kind: "proxy", rules: rules.map(parseEgressRule) });
}
