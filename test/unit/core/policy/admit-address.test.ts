import assert from "node:assert/strict";
import { test } from "node:test";
import { admitAddresses } from "../../../../router/core/policy/admit-address.ts";
import { DialPermit } from "../../../../router/core/policy/permit.ts";
import { ip, network, permitFor, type PolicyText, port } from "./policy-fixture.ts";

const policy: PolicyText = {
  allow: [
    { id: "web", hosts: ["web.example"], ports: [443] },
    {
      id: "db",
      hosts: ["db.example"],
      addresses: ["10.0.0.5:5432", "10.0.0.9:5432", "10.0.0.6:5433", "[fd00::5]:5432", "127.0.0.1:5432"],
      ports: [5432],
      protocol: "tcp",
    },
    {
      id: "self",
      hosts: ["self.example"],
      addresses: ["127.0.0.1:18080", "[::ffff:127.0.0.1]:18080", "34.1.2.3:18080", "0.0.0.0:18080", "127.0.0.1:11434"],
      ports: [18080, 11434],
      protocol: "tcp",
    },
    { id: "meta", addresses: ["169.254.169.254:80"], protocol: "http" },
    { id: "plain", hosts: ["plain.example"], ports: [80], protocol: "http" },
    { id: "opaque", hosts: ["opaque.example"], ports: [80], protocol: "tcp" },
  ],
  deny: [
    { id: "no-bad", addresses: ["93.184.215.14:443"] },
    { id: "no-admin", addresses: ["93.184.215.14:80"], paths: ["/admin"] },
    { id: "no-db-9", addresses: ["10.0.0.9:5432"] },
  ],
};
const facts = network({
  own: [ip("34.1.2.3")],
  deny: ["35.0.0.0/8"],
  nat64Prefixes: ["64:ff9b::/96"],
  listenerPorts: [port(18080)],
});

interface Row {
  readonly what: string;
  readonly request: string;
  readonly answers: readonly string[];
  readonly admitted: readonly string[];
  readonly refused: readonly string[];
}
const table: readonly Row[] = [
  { what: "no answer", request: "CONNECT web.example:443", answers: [], admitted: [], refused: [] },
  {
    what: "order kept, duplicates removed",
    request: "CONNECT web.example:443",
    answers: ["2606:4700::2", "8.8.8.8", "2606:4700::1", "8.8.8.8", "2606:4700::2"],
    admitted: ["2606:4700::2", "8.8.8.8", "2606:4700::1"],
    refused: [],
  },
  {
    what: "mixed answers: the vetted ones alone",
    request: "CONNECT web.example:443",
    answers: ["127.0.0.1", "8.8.8.8", "10.0.0.5", "::ffff:8.8.8.8", "35.1.1.1", "34.1.2.3", "64:ff9b::a00:1"],
    admitted: ["8.8.8.8"],
    refused: [
      "127.0.0.1 loopback",
      "10.0.0.5 private-use",
      "::ffff:8.8.8.8 ipv4-mapped",
      "35.1.1.1 operator-range",
      "34.1.2.3 own-address",
      "64:ff9b::a00:1 private-use",
    ],
  },
  {
    what: "nothing but refused answers",
    request: "CONNECT web.example:443",
    answers: ["169.254.169.254"],
    admitted: [],
    refused: ["169.254.169.254 cloud-metadata"],
  },
  {
    what: "named for this port",
    request: "CONNECT db.example:5432",
    answers: ["10.0.0.5", "10.0.0.6", "10.0.0.7", "fd00::5", "127.0.0.1", "64:ff9b::a00:5", "::ffff:10.0.0.5"],
    admitted: ["10.0.0.5", "fd00::5", "127.0.0.1"],
    refused: [
      "10.0.0.6 private-use",
      "10.0.0.7 private-use",
      "64:ff9b::a00:5 private-use",
      "::ffff:10.0.0.5 ipv4-mapped",
    ],
  },
  {
    what: "a deny rule wins over the rule that names the address",
    request: "CONNECT db.example:5432",
    answers: ["10.0.0.9"],
    admitted: [],
    refused: ["10.0.0.9 denied-by-rule"],
  },
  {
    what: "own listeners never, even where a rule names them",
    request: "CONNECT self.example:18080",
    answers: ["127.0.0.1", "::ffff:127.0.0.1", "34.1.2.3", "0.0.0.0", "64:ff9b::7f00:1", "64:ff9b::2201:203"],
    admitted: [],
    refused: [
      "127.0.0.1 own-listener",
      "::ffff:127.0.0.1 own-listener",
      "34.1.2.3 own-listener",
      "0.0.0.0 own-listener",
      "64:ff9b::7f00:1 own-listener",
      "64:ff9b::2201:203 own-listener",
    ],
  },
  {
    what: "loopback on another port, named",
    request: "CONNECT self.example:11434",
    answers: ["127.0.0.1"],
    admitted: ["127.0.0.1"],
    refused: [],
  },
  {
    what: "a literal that the rule names",
    request: "GET http://169.254.169.254/latest",
    answers: ["169.254.169.254"],
    admitted: ["169.254.169.254"],
    refused: [],
  },
  {
    what: "a deny rule's address, reached by name and through NAT64",
    request: "CONNECT web.example:443",
    answers: ["93.184.215.14", "64:ff9b::5db8:d70e", "93.184.215.15"],
    admitted: ["93.184.215.15"],
    refused: ["93.184.215.14 denied-by-rule", "64:ff9b::5db8:d70e denied-by-rule"],
  },
  {
    what: "a deny rule's address with a path, another path",
    request: "GET http://plain.example/",
    answers: ["93.184.215.14"],
    admitted: ["93.184.215.14"],
    refused: [],
  },
  {
    what: "a deny rule's address with a path, this path",
    request: "GET http://plain.example/admin",
    answers: ["93.184.215.14"],
    admitted: [],
    refused: ["93.184.215.14 denied-by-rule"],
  },
  {
    what: "a deny rule's address with a path, a tunnel whose requests are judged one by one",
    request: "CONNECT plain.example:80",
    answers: ["93.184.215.14"],
    admitted: ["93.184.215.14"],
    refused: [],
  },
  {
    what: "a deny rule's address with a path, an opaque tunnel",
    request: "CONNECT opaque.example:80",
    answers: ["93.184.215.14"],
    admitted: [],
    refused: ["93.184.215.14 denied-by-rule"],
  },
  {
    what: "at most sixteen",
    request: "CONNECT web.example:443",
    answers: Array.from({ length: 40 }, (_, index) => `8.8.4.${index}`),
    admitted: Array.from({ length: 16 }, (_, index) => `8.8.4.${index}`),
    refused: [],
  },
];

for (const row of table) {
  test(`INV-ADDRESS-VETTED: ${row.what}`, () => {
    const permit = permitFor(policy, row.request);
    const result = admitAddresses(facts, permit, row.answers.map(ip));
    const { refused } = result.ok ? result.value : result.problem;
    assert.deepEqual(
      refused.map((refusal) => `${refusal.address} ${refusal.class.name}`),
      row.refused,
    );
    assert.equal(result.ok, row.admitted.length > 0);
    if (result.ok) {
      assert.ok(DialPermit.isMinted(result.value.permit));
      assert.deepEqual(result.value.permit.addresses, row.admitted);
      assert.equal(result.value.permit.name, permit);
    } else {
      assert.equal(result.problem.reason, "address_not_allowed");
    }
  });
}

test("a literal leads to itself only: anything else is a bug and throws", () => {
  const permit = permitFor(policy, "GET http://169.254.169.254/");
  assert.throws(() => admitAddresses(facts, permit, [ip("8.8.8.8")]), /literal/);
});

test("learn mode names no address: special-use ones are refused there too", () => {
  const permit = permitFor({ mode: "learn" }, "CONNECT 10.0.0.5:5432");
  const result = admitAddresses(facts, permit, [ip("10.0.0.5")]);
  assert.equal(result.ok, false);
});
