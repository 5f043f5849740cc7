// Which addresses a name may lead to. DNS answers are not to be trusted: a name that is allowed today may point to the
// metadata service or to a server on this machine tomorrow, or between a check and a connection.
import { BlockList, isIPv4, isIPv6 } from "node:net";

// IANA's special-purpose registries (RFC 6890 and its updates) and multicast.
const special = blockList([
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  // Public by its number, and Azure's platform from every machine there: certificates and settings.
  "168.63.129.16/32",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  // Within 2000::/3: protocol assignments with Teredo, documentation, and 6to4, which hides an IPv4 address.
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
]);
/** All that is assigned for the public. IPv4-mapped and NAT64 addresses lie outside. */
const global6 = blockList(["2000::/3"]);

/** Metadata services of clouds, and whatever else answers on the link, also through a translator. No rule leads there. */
const link = blockList([
  "169.254.0.0/16",
  "100.100.100.200/32",
  "168.63.129.16/32",
  "192.0.0.192/32",
  "fe80::/10",
  "fd00:ec2::/32",
  "fd20:ce::254/128",
  "fd00:c1::a9fe:a9fe/128",
  "::ffff:169.254.0.0/112",
  "64:ff9b::169.254.0.0/112",
  "2002:a9fe::/32",
]);

export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !special.check(address, "ipv4");
  return isIPv6(address) && global6.check(address, "ipv6") && !special.check(address, "ipv6");
}

/** Whether a rule may name this address. */
export function mayBePinned(address: string): boolean {
  return !link.check(address, isIPv4(address) ? "ipv4" : "ipv6");
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", prefix] = network.split("/");
    list.addSubnet(address, Number(prefix), isIPv4(address) ? "ipv4" : "ipv6");
  }
  return list;
}
