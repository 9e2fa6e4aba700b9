import assert from "node:assert/strict";
import { test } from "node:test";
import { isPublicAddress } from "./public-address.ts";

const PUBLIC = `
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0
172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255
2606:4700:4700::1111 2001:4860:4860::8888 2a00:1450:4001::200e ::ffff:8.8.8.8 ::ffff:808:808 64:ff9b::8.8.8.8
`;
const NOT_PUBLIC = `
0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.255 169.254.0.0 169.254.169.254
172.16.0.0 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.7
203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.0 255.255.255.255
:: ::1 ::2 ::7f00:1 fe80::1 fe80::1%eth0 febf::1 fec0::1 fc00::1 fd12:3456::1 ff02::1 100::1 2001::1 2001:db8::1 2002:7f00:1::
3fff::1 4000::1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.1.2.3 ::ffff:0.0.0.0 64:ff9b::127.0.0.1 64:ff9b::a00:1 64:ff9b:: 64:ff9b:1::1
0:0:0:0:0:0:0:1 0:0:0:0:0:ffff:c0a8:0101 2606:4700::1%eth0
`;

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

test("public address: addresses of the public internet: yes", () => {
  const addresses = words(PUBLIC);
  for (const address of addresses) assert.equal(isPublicAddress(address), true, address);
  assert.equal(addresses.length, 23);
});

test("public address: loopback, link-local, private, shared, multicast, reserved, in any spelling: no", () => {
  const addresses = words(NOT_PUBLIC);
  for (const address of addresses) assert.equal(isPublicAddress(address), false, address);
  assert.equal(addresses.length, 53);
});

test("public address: no address: no", () => {
  const texts = ["", "localhost", "1.2.3", "0x7f000001", "2130706433", "[::1]", "1.2.3.4.", "8.8.8.8:53"];
  for (const text of texts) assert.equal(isPublicAddress(text), false, text);
  assert.equal(texts.length, 8);
});
