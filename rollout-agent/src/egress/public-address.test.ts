// Requirements: 6.6.addresses
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPublicAddress, mayBePinned } from "./public-address.ts";

describe("an address", () => {
  it.each([
    "127.0.0.1",
    "127.255.1.2",
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "169.254.170.2",
    "168.63.129.16",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2001:0:53aa:64c:0:0:7f00:1",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "ff02::1",
    "localhost",
    "",
  ])("%s is not public", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(["1.1.1.1", "8.8.8.8", "93.184.215.14", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450::1"])(
    "%s is public",
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  it("hidden in an IPv6 address of a translator is never public", () => {
    fc.assert(
      fc.property(fc.ipV4(), (v4) => {
        for (const wrapped of [`::ffff:${v4}`, `64:ff9b::${v4}`, `::${v4}`]) {
          expect(isPublicAddress(wrapped)).toBe(false);
        }
      }),
    );
  });

  it("of the link cannot even be named by a rule; private ones can", () => {
    for (const address of [
      "169.254.169.254",
      "fe80::1",
      "fd00:ec2::254",
      "100.100.100.200",
      "::ffff:169.254.169.254",
      "::ffff:100.100.100.200",
      "64:ff9b::169.254.169.254",
      "2002:a9fe:a9fe::1",
      "168.63.129.16",
      "192.0.0.192",
      "fd20:ce::254",
      "fd00:c1::a9fe:a9fe",
    ]) {
      expect(mayBePinned(address)).toBe(false);
    }
    for (const address of ["127.0.0.1", "10.0.0.5", "::1", "fd12::1", "93.184.215.14"]) {
      expect(mayBePinned(address)).toBe(true);
    }
  });
});
