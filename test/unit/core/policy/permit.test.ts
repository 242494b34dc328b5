import assert from "node:assert/strict";
import { test } from "node:test";
import { DialPermit, NamePermit, takeDialMint, takeNameMint } from "../../../../router/core/policy/permit.ts";
import { admitAddresses } from "../../../../router/core/policy/admit-address.ts";
import { ip, network, permitFor, type PolicyText } from "./policy-fixture.ts";

const policy: PolicyText = { allow: [{ id: "a", hosts: ["a.example"], ports: [443] }] };

test("INV-PERMIT-FORGED: only decide and admitAddresses mint, at run time too", () => {
  const name = permitFor(policy, "CONNECT a.example:443");
  const admitted = admitAddresses(network(), name, [ip("93.184.215.14")]);
  assert.ok(admitted.ok);
  const dial = admitted.value.permit;
  assert.ok(NamePermit.isMinted(name));
  assert.ok(DialPermit.isMinted(dial));

  const forgeries: readonly (readonly [string, unknown])[] = [
    ["nothing", undefined],
    ["null", null],
    ["a text", "permit"],
    ["a look-alike", Object.assign({}, name)],
    ["a look-alike with the prototype", Object.assign(Object.create(NamePermit.prototype) as object, name)],
    ["a proxy", new Proxy(name, {})],
    ["a JSON copy", JSON.parse(JSON.stringify(name))],
    ["a structured clone", structuredClone({ host: name.host, port: name.port })],
    ["a permit of the other kind", dial],
  ];
  for (const [what, value] of forgeries) assert.equal(NamePermit.isMinted(value), false, what);
  assert.equal(DialPermit.isMinted(Object.assign({}, dial)), false);
  assert.equal(DialPermit.isMinted(name), false);
});

test("INV-PERMIT-FORGED: the constructors ask for a key that nobody has", () => {
  const name = permitFor(policy, "CONNECT a.example:443");
  const fields = Object.assign({}, name);
  for (const key of [undefined, Symbol("permit"), Symbol.for("permit"), {}, name]) {
    assert.throws(() => Reflect.construct(NamePermit, [key, fields]), TypeError);
    assert.throws(() => Reflect.construct(name.constructor as typeof NamePermit, [key, fields]), TypeError);
    assert.throws(() => Reflect.construct(DialPermit, [key, name, ["127.0.0.1"]]), TypeError);
  }
});

test("INV-PERMIT-FORGED: the mints are taken when policy has loaded", () => {
  assert.throws(takeNameMint, /is taken/);
  assert.throws(takeDialMint, /is taken/);
});

test("a permit cannot be changed", () => {
  const name = permitFor(policy, "CONNECT a.example:443");
  const admitted = admitAddresses(network(), name, [ip("93.184.215.14")]);
  assert.ok(admitted.ok);
  assert.throws(() => Object.assign(name, { port: 22 }), TypeError);
  assert.throws(() => Object.assign(name.host, { text: "evil.example" }), TypeError);
  assert.throws(() => (admitted.value.permit.addresses as unknown as string[]).push("127.0.0.1"), TypeError);
});
