// Requirements: 6.6.rules
import { EgressRule, HostPattern } from "@hindcast/shared";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hostMatches, matchRule, parseTarget } from "./rule-matcher.ts";

const label = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const name = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join("."));
const rule = (fields: object): EgressRule => EgressRule.parse(fields);

describe("a host pattern", () => {
  it("without a star matches itself and nothing else", () => {
    fc.assert(
      fc.property(name, name, (pattern, host) => {
        expect(hostMatches(pattern, host)).toBe(pattern === host);
        expect(hostMatches(pattern, `x.${pattern}`)).toBe(false);
        expect(hostMatches(pattern, `x${pattern}`)).toBe(false);
      }),
    );
  });

  it("with a star matches every name below, at any depth, and never its end alone or a name that only ends alike", () => {
    fc.assert(
      fc.property(name, fc.array(label, { minLength: 1, maxLength: 3 }), (suffix, labels) => {
        const pattern = `*.${suffix}`;
        expect(hostMatches(pattern, [...labels, suffix].join("."))).toBe(true);
        expect(hostMatches(pattern, suffix)).toBe(false);
        expect(hostMatches(pattern, `${labels.join("")}${suffix}`)).toBe(false);
        expect(hostMatches(pattern, `${suffix}.${labels.join(".")}`)).toBe(
          `${suffix}.${labels.join(".")}`.endsWith(`.${suffix}`),
        );
      }),
    );
  });

  it.each([
    "*",
    "*.com",
    "*.*.example.org",
    "a.*.org",
    "127.0.0.1",
    "0x7f.1",
    "2130706433",
    "[::1]",
    "localhost.",
    "Example.org",
    "example.org:80",
    "example.org/path",
    "user@example.org",
    ".example.org",
    "exa mple.org",
    "",
  ])("is refused where it says %j", (pattern) => {
    expect(HostPattern.safeParse(pattern).success).toBe(false);
  });

  it.each(["example.org", "*.example.org", "shop", "xn--bcher-kva.example", "a_b.example.org"])(
    "may say %j",
    (pattern) => {
      expect(HostPattern.parse(pattern)).toBe(pattern);
    },
  );
});

describe("rules", () => {
  const get = (host: string, port: number | null, method = "GET"): Parameters<typeof matchRule>[1] => ({
    form: "request",
    host,
    port,
    method,
  });
  const tunnel = (host: string, port: number): Parameters<typeof matchRule>[1] => ({
    form: "tunnel",
    host,
    port,
    method: "CONNECT",
  });

  it("allow nothing where there are none", () => {
    fc.assert(
      fc.property(name, fc.nat(65_535), (host, port) => {
        expect(matchRule([], get(host, port))).toEqual({ refused: "host" });
      }),
    );
  });

  it("allow exactly what a rule names: host, port, method and form", () => {
    const anyRule = fc.record({
      via: fc.constantFrom("http", "https"),
      host: name,
      ports: fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
      methods: fc.uniqueArray(fc.constantFrom("GET", "POST", "PUT"), { maxLength: 2 }),
    });
    const asked = fc.record({
      host: name,
      port: fc.integer({ min: 1, max: 9 }),
      method: fc.constantFrom("GET", "POST", "PUT", "DELETE"),
    });
    fc.assert(
      fc.property(fc.array(anyRule, { maxLength: 4 }), asked, fc.nat(3), (fields, request, pick) => {
        // Half of the time a host that a rule knows, or nothing would ever match.
        const host = fields[pick]?.host ?? request.host;
        const rules = fields.map(rule);
        const fits = fields.findIndex(
          ({ host: h, ports, methods }) =>
            h === host &&
            ports.includes(request.port) &&
            (methods.length === 0 || methods.includes(request.method as "GET")),
        );
        const match = matchRule(rules, get(host, request.port, request.method));
        expect("index" in match ? match.index : -1).toBe(fits);
        expect(matchRule(rules, tunnel(host, request.port))).toEqual({ refused: "host" });
      }),
    );
  });

  it("say how far the best of them went", () => {
    const rules = [
      rule({ via: "http", host: "a.example", ports: [8080] }),
      rule({ via: "http", host: "b.example", methods: ["GET"] }),
    ];
    expect(matchRule(rules, get("c.example", 80))).toEqual({ refused: "host" });
    expect(matchRule(rules, get("a.example", 80))).toEqual({ refused: "port" });
    expect(matchRule(rules, get("b.example", null, "POST"))).toEqual({ refused: "method" });
  });

  it("of TLS hosts need no port in the URL, those of plain HTTP mean port 80", () => {
    const rules = [
      rule({ via: "https", host: "a.example", ports: [8443, 443] }),
      rule({ via: "http", host: "b.example" }),
    ];
    expect(matchRule(rules, get("a.example", null))).toMatchObject({ index: 0, port: 8443 });
    expect(matchRule(rules, get("a.example", 443))).toMatchObject({ index: 0, port: 443 });
    expect(matchRule(rules, get("b.example", null))).toMatchObject({ index: 1, port: 80 });
  });

  it("for tunnels cannot name methods, and say why", () => {
    const parsed = EgressRule.safeParse({ via: "tunnel", host: "a.example", methods: ["GET"] });
    expect(parsed.error?.issues[0]?.message).toContain("a tunnel hides its methods");
  });
});

describe("a target", () => {
  it.each([
    ["http://Example.ORG/a?b", "example.org"],
    ["HTTP://example.org./", "example.org"],
    ["http://2130706433/", "127.0.0.1"],
    ["http://0x7f.1/", "127.0.0.1"],
    ["http://[::ffff:127.0.0.1]/", "[::ffff:7f00:1]"],
    ["http://ｅxample.org/", "example.org"],
  ])("in a request line %j is %j", (text, host) => {
    expect(parseTarget(text, "request")?.host).toBe(host);
  });

  it.each(["/path", "https://example.org/", "http://user:pw@example.org/", "http://", "ftp://x/", "*", ""])(
    "%j is no whole http URL",
    (text) => {
      expect(parseTarget(text, "request")).toBeNull();
    },
  );

  it.each(["example.org", "example.org:443/x", "a@example.org:443", "example.org:99999", "example.org:443 x", ":443"])(
    "%j is no authority",
    (text) => {
      expect(parseTarget(text, "tunnel")).toBeNull();
    },
  );

  it("never makes an address into a name that a rule could have", () => {
    fc.assert(
      fc.property(fc.webUrl({ validSchemes: ["http"] }), fc.ipV4(), fc.ipV6(), (url, v4, v6) => {
        expect(parseTarget(url, "request")?.host ?? "").not.toMatch(/[A-Z\s]/);
        for (const host of [v4, `[${v6}]`]) {
          const parsed = parseTarget(`http://${host}/`, "request")?.host ?? "";
          expect(HostPattern.safeParse(parsed).success).toBe(false);
        }
      }),
    );
  });
});
