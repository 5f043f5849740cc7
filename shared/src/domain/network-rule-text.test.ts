// Requirements: 6.6.campaign
import { expect, it } from "vitest";
import { EgressRule } from "./network-policy.ts";
import { EgressRuleText, networkOfRules, parseEgressRule } from "./network-rule-text.ts";

it.each([
  ["tunnel pypi.org", { via: "tunnel", host: "pypi.org" }],
  [
    "http *.example.org:80+8080 methods=GET+HEAD bytes=1000",
    { via: "http", host: "*.example.org", ports: [80, 8080], methods: ["GET", "HEAD"], bytesMax: 1_000 },
  ],
  ["https api.test secret=api", { via: "https", host: "api.test", credential: { secret: "api" } }],
  [
    "https api.test:444 secret=api header=x-key address=10.0.0.1",
    {
      via: "https",
      host: "api.test",
      ports: [444],
      address: "10.0.0.1",
      credential: { secret: "api", header: "x-key" },
    },
  ],
])("reads %s", (text, rule) => {
  expect(parseEgressRule(text)).toEqual(EgressRule.parse(rule));
  expect(EgressRuleText.parse(text)).toBe(text);
});

it.each([
  ["pypi.org", /expected e\.g\. "tunnel pypi\.org"/],
  ["ftp pypi.org", /expected e\.g\./],
  ["tunnel *", /must be a host name/],
  ["tunnel 10.0.0.1", /must be a host name/],
  ["tunnel pypi.org methods=GET", /a tunnel hides its methods/],
  ["http a.test:0", /ports/],
  ["http a.test secret=x", /credential/],
  ["https a.test header=x-key", /credential\.secret/],
  ["https a.test color=red", /knows no color=/],
  ["http a.test bytes=many", /bytesMax/],
])("refuses %s and says why", (text, why) => {
  expect(EgressRuleText.safeParse(text).error?.issues[0]?.message).toMatch(why);
});

it("is nothing without rules", () => {
  expect(networkOfRules([])).toBeUndefined();
  expect(networkOfRules(["tunnel pypi.org"])).toMatchObject({ kind: "proxy", rules: [{ host: "pypi.org" }] });
});
