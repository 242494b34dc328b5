import assert from "node:assert/strict";
import { test } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import {
  compileInferencePolicy,
  CompiledInferencePolicy,
  NO_MODELS,
} from "../../../../router/core/models/compile-inference-policy.ts";
import { parseAuthority } from "../../../../router/core/wire/authority.ts";
import { DIGEST, EXPIRES, ip, ISSUED, port } from "../policy/policy-fixture.ts";
import { inferenceDocument, models } from "./models-fixture.ts";

const names: readonly (readonly [asked: string, found: string | undefined])[] = [
  ["gpt-5", "gpt-5"],
  ["default", "gpt-5"],
  ["anthropic/claude@bedrock", "anthropic/claude@bedrock"],
  ["GPT-5", undefined],
  ["gpt-5 ", undefined],
  ["gpt-", undefined],
  ["gpt-5-2026", undefined],
  ["", undefined],
  ["__proto__", undefined],
  ["constructor", undefined],
  ["*", undefined],
];
for (const [asked, found] of names) {
  test(`INV-MODEL-NAME: only names and aliases of the policy are models: ${JSON.stringify(asked)}`, () => {
    assert.equal(models().model(asked)?.name, found);
  });
}

test("identity and times are the document's, and the grace is the operator's", () => {
  const policy = compileInferencePolicy(inferenceDocument(), DIGEST, millis(5000));
  assert.deepEqual(policy.identity, { name: "research-models", version: 3, digest: DIGEST });
  assert.deepEqual(
    [policy.state, policy.issuedAt, policy.expiresAt, policy.deniesFrom],
    ["loaded", ISSUED, EXPIRES, EXPIRES + 5000],
  );
  assert.deepEqual(NO_MODELS, { state: "missing", identity: undefined });
});

test("limits of a model are those that name it and those that name none", () => {
  const policy = models();
  const limits = (name: string): readonly string[] => {
    const model = policy.model(name);
    assert.ok(model !== undefined);
    const { budgets, rateLimits, guardrails } = policy.limitsOf(model);
    return [...budgets, ...rateLimits, ...guardrails].map(({ id }) => id);
  };
  assert.deepEqual(limits("default"), [
    "pod-day",
    "spend",
    "rolling",
    "call",
    "rpm",
    "at-once",
    "no-secrets",
    "asked",
    "moderated",
  ]);
  assert.deepEqual(limits("anthropic/claude@bedrock"), [
    "pod-day",
    "rolling",
    "call",
    "rpm",
    "tpm",
    "at-once",
    "no-secrets",
    "asked",
  ]);
  const stranger = models().model("gpt-5");
  assert.ok(stranger !== undefined);
  assert.throws(() => policy.limitsOf(stranger), /the policy that it is of/);
});

const hosts: readonly (readonly [asked: string, isProvider: boolean])[] = [
  ["api.openai.com:443", true],
  ["api.openai.com:80", true],
  ["API.OpenAI.com.:443", true],
  ["eu.openai.azure.com:443", true],
  ["us.openai.azure.com:443", false],
  ["x.api.openai.com:443", false],
  ["openai.com:443", false],
  // Literals count with their port: the endpoint's own, and what its name may lead to.
  ["127.0.0.1:11434", true],
  ["127.0.0.1:5432", false],
  ["10.0.0.5:443", true],
  ["10.0.0.5:5432", false],
  ["10.0.0.6:443", false],
  ["[::ffff:10.0.0.5]:443", true],
  ["[64:ff9b::10.0.0.5]:443", true],
  ["[::ffff:10.0.0.6]:443", false],
  // Where tokens are exchanged is no model.
  ["login.microsoftonline.com:443", false],
];
for (const [asked, isProvider] of hosts) {
  test(`a provider's host: ${asked} is ${isProvider ? "one" : "none"}`, () => {
    const authority = parseAuthority(asked, undefined);
    assert.ok(authority.ok);
    assert.equal(models().isProviderHost(authority.value.host, authority.value.port), isProvider);
  });
}

test("an address that is named for where a credential is fetched is no provider's host", () => {
  const policy = models(['"10.0.0.5:443"', '"10.0.0.5:443", "10.0.0.6:8443"']);
  const host = { kind: "address", text: ip("10.0.0.6") } as const;
  assert.equal(policy.isProviderHost(host, port(8443)), false);
});

test("without a port, a literal address counts on any", () => {
  const host = { kind: "address", text: ip("127.0.0.1") } as const;
  assert.equal(models().isProviderHost(host), true);
});

function everyObject(value: unknown, seen = new Set<object>()): ReadonlySet<object> {
  if (typeof value !== "object" || value === null || seen.has(value)) return seen;
  seen.add(value);
  const inner = value instanceof Map || value instanceof Set ? [...value.keys(), ...value.values()] : [];
  for (const part of [...inner, ...Reflect.ownKeys(value).map((key) => Reflect.get(value, key) as unknown)]) {
    everyObject(part, seen);
  }
  return seen;
}

test("INV-SNAPSHOT-FROZEN: everything reachable from an inference policy is frozen, its sets and maps too", () => {
  const policy = models();
  const collections: object[] = [];
  for (const found of everyObject(policy)) {
    assert.ok(Object.isFrozen(found), JSON.stringify(found));
    if (found instanceof Map || found instanceof Set) collections.push(found);
  }
  assert.equal(collections.length, 4);
  for (const collection of collections) {
    for (const mutator of ["add", "set", "delete", "clear"]) {
      const method: unknown = Reflect.get(collection, mutator);
      if (typeof method === "function") assert.throws(() => Reflect.apply(method, collection, ["x", "y"]), TypeError);
    }
  }
});

test("INV-SNAPSHOT-FROZEN: a document changed after compiling changes nothing", () => {
  const document = inferenceDocument();
  const policy = compileInferencePolicy(document, DIGEST, millis(0));
  const [first] = document.models;
  assert.ok(first !== undefined);
  (first.targets as unknown[]).length = 0;
  (first.aliases as string[]).push("evil");
  (document.budgets as unknown[]).length = 0;
  (document.budgets[1]?.models as Set<string> | undefined)?.clear();
  (document.contentFilter as Map<string, string>).clear();
  assert.equal(policy.model("evil"), undefined);
  assert.equal(policy.model("gpt-5")?.targets.length, 2);
  assert.equal(policy.budgets.length, 4);
  assert.equal(policy.budgets[1]?.models?.has("gpt-5"), true);
  assert.equal(policy.contentFilter.get("hate"), "medium");
});

test("INV-SNAPSHOT-FROZEN: a copy of an inference policy is none", () => {
  const policy = models();
  const copy = Object.assign({}, policy);
  assert.throws(() => copy.model("gpt-5"), TypeError);
  const imitation = Object.assign(Object.create(CompiledInferencePolicy.prototype) as CompiledInferencePolicy, policy);
  assert.throws(() => imitation.model("gpt-5"), TypeError);
});

test("a document that no parser checked is a bug, not a policy", () => {
  const document = inferenceDocument();
  assert.throws(
    () => compileInferencePolicy({ ...document, models: [...document.models, ...document.models] }, DIGEST, millis(0)),
    /unchecked/,
  );
});
