import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import type { CompiledInferencePolicy } from "../../../../router/core/models/compile-inference-policy.ts";
import { AZURE_IMDS, credentialEndpoints } from "../../../../router/core/models/credential-endpoints.ts";
import { credentialPermit, providerPermit } from "../../../../router/core/models/provider-permit.ts";
import { admitAddresses } from "../../../../router/core/policy/admit-address.ts";
import { NamePermit, takeProviderMint } from "../../../../router/core/policy/permit.ts";
import { DENY_ALL, type PolicySnapshot } from "../../../../router/core/policy/snapshot.ts";
import { compiled, EXPIRES, ip, network, NOON, type PolicyText } from "../policy/policy-fixture.ts";
import { type Changes, models, providerOf } from "./models-fixture.ts";

/** `permit` and its rule, or the refusal. */
function verdict(policy: CompiledInferencePolicy, id: string, egress: PolicySnapshot, now = NOON): string {
  const permission = providerPermit(policy, providerOf(policy, id), egress, now);
  if (permission.ok) return `permit ${permission.value.rule ?? "-"}`;
  return `refuse ${permission.problem.reason} ${permission.problem.rule ?? "-"}`;
}

const rows: readonly (readonly [what: string, id: string, egress: PolicyText, verdict: string])[] = [
  ["no egress rule is needed", "openai", {}, "permit provider:openai"],
  ["learn mode changes nothing", "openai", { mode: "learn" }, "permit provider:openai"],
  ["a deny rule wins", "openai", { deny: [{ id: "no", hosts: ["api.openai.com"] }] }, "refuse denied_by_rule no"],
  ["a wide deny rule wins", "openai", { deny: [{ id: "no", hosts: ["**.com"] }] }, "refuse denied_by_rule no"],
  [
    "a deny rule for another port",
    "openai",
    { deny: [{ id: "no", hosts: ["api.openai.com"], ports: [80] }] },
    "permit provider:openai",
  ],
  [
    "a deny rule about methods names host and port",
    "openai",
    { deny: [{ id: "no", hosts: ["api.openai.com"], methods: ["DELETE"] }] },
    "refuse denied_by_rule no",
  ],
  ["a literal", "node", { deny: [{ id: "no", addresses: ["127.0.0.1:11434"] }] }, "refuse denied_by_rule no"],
  ["another port of a literal", "node", { deny: [{ id: "no", addresses: ["127.0.0.1:1"] }] }, "permit provider:node"],
  [
    "an allow rule that is also there",
    "openai",
    { allow: [{ id: "yes", hosts: ["api.openai.com"] }] },
    "permit provider:openai",
  ],
];
for (const [what, id, egress, expected] of rows) {
  test(`provider permit: ${what}`, () => assert.equal(verdict(models(), id, compiled(egress)), expected));
}

test("provider permit: without an egress policy, or after either policy's end, there is none", () => {
  const policy = models();
  assert.equal(verdict(policy, "openai", DENY_ALL), "refuse policy_missing -");
  assert.equal(verdict(policy, "openai", compiled({}, 1000), EXPIRES), "refuse policy_expired -");
  const longer = models(["2027-02-20", "2027-03-20"]);
  assert.equal(verdict(longer, "openai", compiled({}), EXPIRES), "refuse policy_expired -");
  assert.equal(verdict(longer, "openai", compiled({}, 1000), EXPIRES), "permit provider:openai");
  assert.equal(verdict(policy, "openai", compiled({}), epochMillis(Number.NaN)), "refuse policy_expired -");
});

test("INV-MODEL-PERMIT: provider permit: a provider of another policy, or one that only looks the same, gets none", () => {
  const policy = models();
  const provider = providerOf(policy, "openai");
  const strangers = [
    providerOf(models(), "openai"),
    { ...provider },
    { ...provider, id: "other" },
    { ...provider, endpoint: { ...provider.endpoint, host: { kind: "name", text: "evil.example" } as never } },
  ];
  for (const stranger of strangers) {
    const permission = providerPermit(policy, stranger, compiled({}), NOON);
    assert.deepEqual(permission, { ok: false, problem: { reason: "model_not_allowed", rule: undefined } });
  }
});

test("provider permit: it carries the inference policy, no limits, and the addresses of its port", () => {
  const policy = models(['"10.0.0.5:443"', '"10.0.0.5:443", "10.0.0.6:8443"']);
  const permission = providerPermit(policy, providerOf(policy, "openai"), compiled({}), NOON);
  assert.ok(permission.ok);
  const permit = permission.value;
  assert.ok(NamePermit.isMinted(permit));
  assert.deepEqual(permit.host, { kind: "name", text: "api.openai.com" });
  assert.deepEqual([permit.port, permit.rule, permit.policy], [443, "provider:openai", policy.identity]);
  assert.deepEqual(permit.obligations, { protocol: "tcp", allowMissingSni: false, allowEch: false, inspect: false });
  assert.deepEqual(new Set(Object.values(permit.limits)), new Set([undefined]));
  assert.deepEqual(permit.namedAddresses, ["10.0.0.5"]);
  for (const part of [permit, permit.host, permit.namedAddresses, permit.limits, permit.obligations]) {
    assert.ok(Object.isFrozen(part));
  }
});

/** Which of these addresses a provider is dialled at. */
function dialled(id: string, changes: Changes, egress: PolicyText, answers: readonly string[]): readonly string[] {
  const policy = models(...changes);
  const permission = providerPermit(policy, providerOf(policy, id), compiled(egress), NOON);
  assert.ok(permission.ok);
  const admitted = admitAddresses(network(), permission.value, answers.map(ip));
  return admitted.ok ? admitted.value.permit.addresses : [];
}

const CLEAR: Changes = [
  ["https://eu.openai.azure.com", 'http://eu.openai.azure.com\n      addresses: ["10.0.0.9:80"]'],
];
const addresses: readonly (readonly [
  what: string,
  id: string,
  changes: Changes,
  egress: PolicyText,
  answers: readonly string[],
  dialled: readonly string[],
])[] = [
  ["public ones, named ones", "openai", [], {}, ["8.8.8.8", "10.0.0.5", "10.0.0.6"], ["8.8.8.8", "10.0.0.5"]],
  ["no metadata service", "openai", [], {}, ["169.254.169.254", "::ffff:10.0.0.5"], []],
  ["none that a deny rule names", "openai", [], { deny: [{ id: "n", addresses: ["8.8.8.8:443"] }] }, ["8.8.8.8"], []],
  [
    "a deny rule wins over a named address",
    "openai",
    [],
    { deny: [{ id: "n", addresses: ["10.0.0.5:443"] }] },
    ["10.0.0.5", "8.8.4.4"],
    ["8.8.4.4"],
  ],
  ["in clear: the named ones alone", "azure-eu", CLEAR, {}, ["8.8.8.8", "10.0.0.9", "10.0.0.5"], ["10.0.0.9"]],
  [
    "in clear: not what a deny rule names",
    "azure-eu",
    CLEAR,
    { deny: [{ id: "n", addresses: ["10.0.0.9:80"] }] },
    ["10.0.0.9"],
    [],
  ],
  ["in clear: a name that was turned to the internet", "azure-eu", CLEAR, {}, ["93.184.215.14"], []],
  ["a literal", "node", [], {}, ["127.0.0.1"], ["127.0.0.1"]],
];
for (const [what, id, changes, egress, answers, expected] of addresses) {
  test(`a provider is dialled at: ${what}`, () => {
    assert.deepEqual(dialled(id, changes, egress, answers), expected);
  });
}

test("credential permit: where the source says, and nowhere else", () => {
  const policy = models();
  const provider = providerOf(policy, "azure-eu");
  const [place] = credentialEndpoints(provider.credential);
  assert.ok(place !== undefined);
  const permission = credentialPermit(policy, provider, place.endpoint, compiled({}), NOON);
  assert.ok(permission.ok);
  assert.deepEqual(
    [permission.value.host.text, permission.value.rule],
    ["login.microsoftonline.com", "provider:azure-eu"],
  );
  const deny = { deny: [{ id: "no", hosts: ["login.microsoftonline.com"] }] };
  assert.equal(credentialPermit(policy, provider, place.endpoint, compiled(deny), NOON).ok, false);
  for (const endpoint of [AZURE_IMDS, { ...place.endpoint }, provider.endpoint]) {
    assert.throws(() => credentialPermit(policy, provider, endpoint, compiled({}), NOON), /nowhere else/);
  }
});

test("credential permit: the metadata service, for a managed identity alone, at its one address", () => {
  const policy = models(["{ file: openai-key }", "{ azureManagedIdentity: {} }"]);
  const provider = providerOf(policy, "openai");
  const permission = credentialPermit(policy, provider, AZURE_IMDS, compiled({}), NOON);
  assert.ok(permission.ok);
  const admitted = admitAddresses(network(), permission.value, [ip("169.254.169.254")]);
  assert.deepEqual(admitted.ok && admitted.value.permit.addresses, ["169.254.169.254"]);
  assert.throws(() => credentialPermit(policy, provider, provider.endpoint, compiled({}), NOON), /nowhere else/);
  // For calls the same provider is not led there.
  const call = providerPermit(policy, provider, compiled({}), NOON);
  assert.ok(call.ok);
  assert.equal(admitAddresses(network(), call.value, [ip("169.254.169.254")]).ok, false);
});

test("INV-PERMIT-FORGED: the provider's mint is taken when models have loaded", () => {
  assert.throws(takeProviderMint, /is taken/);
});
