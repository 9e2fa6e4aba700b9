// Which network addresses belong to the public internet, and which to this machine, its links or private networks.

import { BlockList, isIP } from "node:net";

/** Special-purpose IPv4 ranges (IANA registry): not public. */
const SPECIAL_V4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8], // this network, unspecified
  ["10.0.0.0", 8], // private
  ["100.64.0.0", 10], // carrier-grade NAT
  ["127.0.0.0", 8], // loopback
  ["169.254.0.0", 16], // link-local, cloud metadata
  ["172.16.0.0", 12], // private
  ["192.0.0.0", 24], // protocol assignments
  ["192.0.2.0", 24], // documentation
  ["192.88.99.0", 24], // 6to4 relays
  ["192.168.0.0", 16], // private
  ["198.18.0.0", 15], // benchmarks
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, broadcast
];
/** Ranges inside global unicast that are not public, or that lead to another address. */
const SPECIAL_V6: readonly (readonly [string, number])[] = [
  ["2001::", 23], // protocol assignments, Teredo
  ["2001:db8::", 32], // documentation
  ["2002::", 16], // 6to4
  ["3fff::", 20], // documentation
];

const specialV4 = blockList(SPECIAL_V4, "ipv4");
const specialV6 = blockList(SPECIAL_V6, "ipv6");
const globalV6 = blockList([["2000::", 3]], "ipv6");
/** The last four bytes are an IPv4 address: v4-mapped, and NAT64, which IPv6-only networks reach the IPv4 internet by. */
const carriesV4 = blockList([["::ffff:0:0", 96], ["64:ff9b::", 96]], "ipv6");

/**
 * Whether an IP address is on the public internet: not loopback, link-local, private, shared (CGNAT), multicast,
 * unspecified, reserved or for documentation; an IPv6 address that carries an IPv4 one is judged by that. False for
 * text that is no address.
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 4) return !specialV4.check(address, "ipv4");
  // A zone (`fe80::1%eth0`) names a link of this machine.
  if (isIP(address) !== 6 || address.includes("%")) return false;
  if (carriesV4.check(address, "ipv6")) return isPublicAddress(lastFourBytes(address));
  return globalV6.check(address, "ipv6") && !specialV6.check(address, "ipv6");
}

function lastFourBytes(address: string): string {
  // The URL class writes IPv6 in hex groups, the shortest way; these two ranges never end in an elided group but as zeros.
  const groups = new URL(`http://[${address}]/`).hostname.slice(1, -1).split(":");
  const [high, low] = groups.slice(-2).map((group) => Number.parseInt(group === "" ? "0" : group, 16));
  return [(high ?? 0) >> 8, (high ?? 0) & 255, (low ?? 0) >> 8, (low ?? 0) & 255].join(".");
}

function blockList(ranges: readonly (readonly [string, number])[], family: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  for (const [network, bits] of ranges) list.addSubnet(network, bits, family);
  return list;
}
