import assert from "node:assert/strict";
import { test } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import {
  compileGovernancePolicy,
  type CompiledGovernancePolicy,
} from "../../../../router/core/governance/compile-governance-policy.ts";
import { cardPermit } from "../../../../router/core/peer/peer-permit.ts";
import { peersAt } from "../../../../router/core/peer/peers-at.ts";
import type { Peer } from "../../../../router/core/peer/trust.ts";
import { admitAddresses } from "../../../../router/core/policy/admit-address.ts";
import { NamePermit, takePeerMint } from "../../../../router/core/policy/permit.ts";
import { DENY_ALL, type PolicySnapshot } from "../../../../router/core/policy/snapshot.ts";
import { parseAuthority } from "../../../../router/core/wire/authority.ts";
import { cardSigner } from "../../../fakes/agent-card.ts";
import { governanceDocument } from "../governance/governance-document-fixture.ts";
import { compiled, EXPIRES, ip, network, NOON, type PolicyText } from "../policy/policy-fixture.ts";

const keys = (): string => {
  const { kid, algorithm, spki } = cardSigner("EdDSA", "k").key;
  return `keys: [{ kid: ${kid}, algorithm: ${algorithm}, spki: "${spki}" }]`;
};
const SPEC = `
  rules: []
  trust:
    peers:
      - { id: a, ${keys()}, card: { endpoint: "a.example:443" }, endpoints: ["a.example:443"], addresses: ["10.0.0.5:443"] }
      - { id: b, ${keys()}, card: { endpoint: "b.example:443" }, endpoints: ["b.example:443", "203.0.113.7:443"], addresses: ["203.0.113.7:443"] }
      - { id: c, ${keys()}, endpoints: ["c.example:443", "93.184.215.14:443"], addresses: ["10.0.0.5:443"] }
    graph: [{ from: self, to: a }, { from: self, to: c }, { from: a, to: b }, { from: b, to: self }]
`.slice(1);

const policyOf = (signed: boolean): CompiledGovernancePolicy =>
  compileGovernancePolicy(governanceDocument(SPEC), `sha256:${"ab".repeat(32)}`, millis(0), { signed });
const policy = policyOf(true);

function peerOf(id: string, of = policy): Peer {
  return of.peer(id) ?? assert.fail(id);
}
function verdict(id: string, egress: PolicySnapshot, of = policy, now = NOON): string {
  const permit = cardPermit(of, peerOf(id, of), egress, now);
  return permit.ok ? `permit ${permit.value.rule}` : `refuse ${permit.problem.reason} ${permit.problem.rule ?? "-"}`;
}

const rows: readonly (readonly [name: string, id: string, egress: PolicyText, expected: string])[] = [
  ["no allow rule is needed", "a", {}, "permit peer:a"],
  ["a deny rule wins", "a", { deny: [{ id: "no", hosts: ["a.example"] }] }, "refuse denied_by_rule no"],
  [
    "a deny rule about methods wins",
    "a",
    { deny: [{ id: "no", hosts: ["a.example"], methods: ["PUT"] }] },
    "refuse denied_by_rule no",
  ],
  ["another's edge leads nowhere from here", "b", {}, "refuse governance_denied -"],
  ["there is no card", "c", {}, "refuse governance_denied -"],
];
for (const [name, id, egress, expected] of rows) {
  test(`leave to ask for a card: ${name}`, () => assert.equal(verdict(id, compiled(egress)), expected));
}

test("INV-GOV-GRAPH: a graph that nobody signed leads nowhere", () => {
  assert.equal(verdict("a", compiled({}), policyOf(false)), "refuse governance_denied -");
});

test("without an egress policy, and after one's end, nobody is asked", () => {
  assert.equal(verdict("a", DENY_ALL), "refuse policy_missing -");
  assert.equal(verdict("a", compiled({}), policy, EXPIRES), "refuse policy_expired -");
  assert.equal(verdict("a", compiled({}), policy, NaN as typeof NOON), "refuse policy_expired -");
});

test("a look-alike, and a peer of another policy, are nobody's", () => {
  for (const peer of [{ ...peerOf("a") }, peerOf("a", policyOf(true))]) {
    assert.deepEqual(cardPermit(policy, peer, compiled({}), NOON), {
      ok: false,
      problem: { reason: "governance_denied", rule: undefined },
    });
  }
});

test("a card's name leads to public addresses, and to those special ones that the peer names", () => {
  const permit = cardPermit(policy, peerOf("a"), compiled({}), NOON);
  assert.ok(permit.ok && NamePermit.isMinted(permit.value));
  assert.equal(admitAddresses(network(), permit.value, [ip("93.184.215.14")]).ok, true);
  assert.equal(admitAddresses(network(), permit.value, [ip("10.0.0.5")]).ok, true);
  assert.equal(admitAddresses(network(), permit.value, [ip("10.0.0.6")]).ok, false);
  assert.equal(admitAddresses(network(), permit.value, [ip("169.254.169.254")]).ok, false);
  assert.throws(() => takePeerMint(), /taken/);
});

const places: readonly (readonly [place: string, peers: string])[] = [
  ["a.example:443", "a"],
  ["A.Example.:443", "a"],
  ["a.example:444", ""],
  ["x.a.example:443", ""],
  ["10.0.0.5:443", "a c"],
  ["10.0.0.5:80", ""],
  ["[::ffff:10.0.0.5]:443", ""],
  ["203.0.113.7:443", "b"],
  ["93.184.215.14:443", "c"],
];
for (const [place, expected] of places) {
  test(`INV-GOV-GRAPH: who is spoken to at ${place}: ${expected === "" ? "nobody" : expected}`, () => {
    const parsed = parseAuthority(place, undefined);
    assert.ok(parsed.ok);
    assert.equal(
      peersAt(policy, parsed.value)
        .map(({ id }) => id)
        .join(" "),
      expected,
    );
  });
}
