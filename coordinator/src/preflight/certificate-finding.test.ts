// Requirements: 7.10.preflight-nats
import { expect, it } from "vitest";
import { certificateFinding, type CertificateView } from "./certificate-finding.ts";

const now = new Date("2026-06-01T00:00:00Z");
const view: CertificateView = {
  what: "certificate",
  problem: null,
  validFrom: new Date("2026-01-01T00:00:00Z"),
  validTo: new Date("2027-01-01T00:00:00Z"),
  names: "DNS:nats",
  issuer: "hindcast-nats",
  host: "nats",
  authority: "ca.crt",
};

it.each([
  ["a good one", {}, "good", /for DNS:nats, until 2027-01-01/],
  ["one that ends in nine days", { validTo: new Date("2026-06-10T00:00:00Z") }, "advice", /2026-06-10, which is soon/],
  // OpenSSL stops at the unknown authority and says nothing of the time.
  [
    "an expired one of an unknown authority",
    { validTo: new Date("2026-05-31T00:00:00Z"), problem: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
    "missing",
    /expired on 2026-05-31/,
  ],
  ["one of tomorrow", { validFrom: new Date("2026-06-02T00:00:00Z") }, "missing", /not valid before.*clocks/],
  [
    "another host's",
    { problem: "ERR_TLS_CERT_ALTNAME_INVALID", host: "bus" },
    "missing",
    /not for bus but for DNS:nats/,
  ],
  [
    "a stranger's",
    { problem: "DEPTH_ZERO_SELF_SIGNED_CERT" },
    "missing",
    /signed by hindcast-nats, which ca.crt does not/,
  ],
  ["one whose authority expired", { problem: "CERT_HAS_EXPIRED" }, "missing", /authority hindcast-nats has expired/],
] as const)("%s", (_name, change, state, detail) => {
  expect(certificateFinding({ ...view, ...change }, now)).toMatchObject({
    state,
    detail: expect.stringMatching(detail) as string,
  });
});
