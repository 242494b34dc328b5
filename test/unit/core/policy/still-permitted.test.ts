import { NOTHING_AROUND } from "../../../../router/core/policy/surroundings.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../../../router/core/policy/decide.ts";
import { DENY_ALL } from "../../../../router/core/policy/snapshot.ts";
import { stillPermitted } from "../../../../router/core/policy/still-permitted.ts";
import { compiled, EXPIRES, ip, network, NOON, type PolicyText, request } from "./policy-fixture.ts";

const rule = { id: "a", hosts: ["a.example"], ports: [443] } as const;
const before: PolicyText = { allow: [rule] };

interface Row {
  readonly what: string;
  readonly before?: PolicyText;
  readonly after: PolicyText;
  readonly address?: string;
  readonly stays: boolean;
}
const table: readonly Row[] = [
  { what: "the same policy", after: before, stays: true },
  { what: "another rule, same terms", after: { allow: [{ ...rule, id: "b", hosts: ["**.example"] }] }, stays: true },
  { what: "the rule is gone", after: {}, stays: false },
  { what: "another port", after: { allow: [{ ...rule, ports: [8443] }] }, stays: false },
  { what: "another protocol", after: { allow: [{ ...rule, protocol: "tcp" }] }, stays: false },
  { what: "a deny rule came", after: { ...before, deny: [{ id: "d", hosts: ["a.example"] }] }, stays: false },
  {
    what: "a deny rule about paths came",
    after: { ...before, deny: [{ id: "d", hosts: ["a.example"], paths: ["/x"] }] },
    stays: false,
  },
  {
    what: "its address is denied now",
    after: { ...before, deny: [{ id: "d", addresses: ["8.8.8.8:443"] }] },
    stays: false,
  },
  {
    what: "another address is denied now",
    after: { ...before, deny: [{ id: "d", addresses: ["8.8.4.4:443"] }] },
    stays: true,
  },
  { what: "ECH is allowed now", after: { allow: [{ ...rule, allowEch: true }] }, stays: true },
  {
    what: "ECH is not allowed any more",
    before: { allow: [{ ...rule, allowEch: true }] },
    after: before,
    stays: false,
  },
  {
    what: "a missing SNI is not allowed any more",
    before: { allow: [{ ...rule, allowMissingSni: true }] },
    after: before,
    stays: false,
  },
  { what: "learn mode took over", after: { mode: "learn" }, stays: true },
  {
    what: "its special-use address is not named any more",
    before: { allow: [{ ...rule, addresses: ["10.0.0.5:443"] }] },
    after: before,
    address: "10.0.0.5",
    stays: false,
  },
];

for (const row of table) {
  test(`INV-RELOAD-CUT: ${row.what}: the tunnel ${row.stays ? "stays" : "is cut"}`, () => {
    const asked = request("CONNECT a.example:443");
    const decision = decide(compiled(row.before ?? before), asked, NOON);
    assert.ok(decision.effect === "permit");
    const tunnel = { request: asked, permit: decision.permit, address: ip(row.address ?? "8.8.8.8") };
    assert.equal(stillPermitted(compiled(row.after), network(), tunnel, NOON), row.stays);
  });
}

test("INV-RELOAD-CUT: expiry, a missing policy and a new network cut as well", () => {
  const asked = request("CONNECT a.example:443");
  const decision = decide(compiled(before), asked, NOON);
  assert.ok(decision.effect === "permit");
  const tunnel = { request: asked, permit: decision.permit, address: ip("8.8.8.8") };
  assert.equal(stillPermitted(compiled(before), network(), tunnel, EXPIRES), false);
  assert.equal(stillPermitted(DENY_ALL, network(), tunnel, NOON), false);
  assert.equal(stillPermitted(compiled(before), network({ deny: ["8.8.0.0/16"] }), tunnel, NOON), false);
  assert.equal(
    stillPermitted(
      compiled({ mode: "learn" }),
      network(),
      { ...tunnel, request: request("CONNECT b.example:443") },
      NOON,
    ),
    false,
  );
});

test("INV-RELOAD-CUT: a host that became a model provider's is cut", () => {
  const asked = request("CONNECT a.example:443");
  const decision = decide(compiled(before), asked, NOON);
  assert.ok(decision.effect === "permit");
  const tunnel = { request: asked, permit: decision.permit, address: ip("8.8.8.8") };
  const stays = (provider: string): boolean =>
    stillPermitted(compiled(before), network(), tunnel, NOON, {
      ...NOTHING_AROUND,
      isProviderHost: (host) => host.text === provider,
    });
  assert.deepEqual([stays("b.example"), stays("a.example")], [true, false]);
});
