import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis, type Port } from "../../../../router/core/base/quantity.ts";
import type { McpServer } from "../../../../router/core/mcp/mcp-server.ts";
import { serverPermit } from "../../../../router/core/mcp/server-permit.ts";
import { serverPlaces } from "../../../../router/core/mcp/server-places.ts";
import { admitAddresses } from "../../../../router/core/policy/admit-address.ts";
import { BARE_NETWORK } from "../../../../router/core/policy/network.ts";
import { NamePermit, takeServerMint } from "../../../../router/core/policy/permit.ts";
import { DENY_ALL, type PolicySnapshot } from "../../../../router/core/policy/snapshot.ts";
import { parseHost } from "../../../../router/core/wire/host.ts";
import { parseIpAddress, type IpAddress } from "../../../../router/core/wire/ip-address.ts";
import { compiled, NOON } from "../policy/policy-fixture.ts";

const port = (given: number): Port => given as Port;
const address = (text: string): IpAddress => parseIpAddress(text) ?? assert.fail(text);
const host = (text: string): McpServer["endpoint"]["host"] => {
  const parsed = parseHost(text);
  assert.ok(parsed.ok);
  return parsed.value;
};

function server(scheme: "http" | "https", name: string, addresses: readonly string[] = []): McpServer {
  return {
    id: "files",
    endpoint: { scheme, host: host(name), port: port(443), path: "/mcp" },
    addresses: addresses.map((text) => ({ address: address(text), port: port(443) })),
    credential: undefined,
    caFile: undefined,
    resultBytes: 1_024,
    timeout: 1_000,
  };
}

const identity = { name: "g", version: 1, digest: "sha256:0" };
const policyOf = (known: McpServer, deniesFrom: number = NOON + 1) => ({
  identity,
  deniesFrom: epochMillis(deniesFrom),
  mcpServer: (id: string) => (id === known.id ? known : undefined),
});
const permitted = (
  known: McpServer,
  egress: PolicySnapshot,
  now: number = NOON,
  asked = known,
): ReturnType<typeof serverPermit> => serverPermit(policyOf(known), asked, egress, epochMillis(now));

const secure = server("https", "files.example");
const open = compiled({});

test("a server of the policy gets leave for its own host and port, and for public addresses", () => {
  const permit = permitted(secure, open);
  assert.ok(permit.ok);
  assert.ok(NamePermit.isMinted(permit.value));
  assert.deepEqual([permit.value.rule, permit.value.port, permit.value.host], ["mcp:files", 443, secure.endpoint.host]);
  assert.ok(admitAddresses(BARE_NETWORK, permit.value, [address("93.184.216.34")]).ok);
  for (const special of ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1"]) {
    assert.equal(admitAddresses(BARE_NETWORK, permit.value, [address(special)]).ok, false, special);
  }
});

test("http leads to the addresses that are named, and nowhere else", () => {
  const permit = permitted(server("http", "files.example", ["10.0.0.1"]), open);
  assert.ok(permit.ok);
  assert.ok(admitAddresses(BARE_NETWORK, permit.value, [address("10.0.0.1")]).ok);
  for (const other of ["93.184.216.34", "10.0.0.2"]) {
    assert.equal(admitAddresses(BARE_NETWORK, permit.value, [address(other)]).ok, false, other);
  }
});

const refusals: readonly (readonly [
  name: string,
  permit: () => ReturnType<typeof serverPermit>,
  reason: string,
  rule?: string,
])[] = [
  ["a look-alike of the server", () => permitted(secure, open, NOON, { ...secure }), "governance_denied"],
  ["no egress policy", () => permitted(secure, DENY_ALL), "policy_missing"],
  ["an expired governance policy", () => serverPermit(policyOf(secure, NOON), secure, open, NOON), "policy_expired"],
  ["a clock that is no number", () => permitted(secure, open, Number.NaN), "policy_expired"],
  [
    "a deny rule for the host",
    () => permitted(secure, compiled({ deny: [{ id: "no", hosts: ["files.example"] }] })),
    "denied_by_rule",
    "no",
  ],
];
for (const [name, permit, reason, rule] of refusals) {
  test(`no leave: ${name}`, () => {
    const refused = permit();
    assert.ok(!refused.ok);
    assert.deepEqual([refused.problem.reason, refused.problem.rule], [reason, rule]);
  });
}

test("a deny rule for an address holds for the name that leads there", () => {
  const permit = permitted(secure, compiled({ deny: [{ id: "no", addresses: ["93.184.216.34:443"] }] }));
  assert.ok(permit.ok);
  assert.equal(admitAddresses(BARE_NETWORK, permit.value, [address("93.184.216.34")]).ok, false);
});

test("the places of servers are theirs, under every spelling, and no other port is", () => {
  const isPlace = serverPlaces([server("http", "files.example", ["10.0.0.1"]), server("https", "[2001:db8::1]")]);
  const rows: readonly (readonly [string, number, boolean])[] = [
    ["files.example", 443, true],
    ["FILES.example.", 443, true],
    ["files.example", 8_443, false],
    ["other.example", 443, false],
    ["10.0.0.1", 443, true],
    ["10.0.0.1", 80, false],
    ["[::ffff:10.0.0.1]", 443, true],
    ["[64:ff9b::10.0.0.1]", 443, true],
    ["[2001:db8::1]", 443, true],
    ["10.0.0.2", 443, false],
  ];
  for (const [name, at, expected] of rows) assert.equal(isPlace(host(name), port(at)), expected, `${name}:${at}`);
  assert.equal(serverPlaces([])(host("files.example"), port(443)), false);
});

test("the mint of these permits is taken", () => assert.throws(() => takeServerMint(), /taken/));
