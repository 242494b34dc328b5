import { NOTHING_AROUND } from "../../../../router/core/policy/surroundings.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { explain } from "../../../../router/core/policy/explain.ts";
import { DENY_ALL } from "../../../../router/core/policy/snapshot.ts";
import { compiled, NOON, type PolicyText, request } from "./policy-fixture.ts";

const policy: PolicyText = {
  allow: [
    { id: "api", hosts: ["api.example.com"], ports: [443] },
    { id: "one", hosts: ["*.example.com"], ports: [8443] },
    { id: "deep", hosts: ["**.example.com"], ports: [443] },
    { id: "web", hosts: ["web.example.com"], ports: [80], protocol: "http", methods: ["GET"], paths: ["/a/**"] },
    { id: "db", hosts: ["db.example.com"], ports: [80], protocol: "tcp" },
    { id: "lit", addresses: ["10.0.0.1:5432"], protocol: "tcp" },
    { id: "far", hosts: ["unrelated.test"] },
  ],
  deny: [
    { id: "no-admin", hosts: ["web.example.com"], methods: ["GET", "PUT"], paths: ["/admin"] },
    { id: "no-22", hosts: ["**.example.com"], ports: [22] },
  ],
};

const table: readonly (readonly [request: string, rules: readonly string[], others: number])[] = [
  [
    "CONNECT api.example.com:443",
    [
      "deny no-22: It names port 22, not 443.",
      "allow api+: It matches.",
      "allow one: It names port 8443, not 443.",
      "allow deep+: It matches.",
    ],
    5,
  ],
  [
    "CONNECT example.com:443",
    [
      "deny no-admin: It names web.example.com, not example.com itself.",
      'deny no-22: "**.example.com" does not match example.com itself.',
      "allow api: It names api.example.com, not example.com itself.",
      'allow one: "*.example.com" does not match example.com itself.',
      'allow deep: "**.example.com" does not match example.com itself.',
      "allow web: It names web.example.com, not example.com itself.",
      "allow db: It names db.example.com, not example.com itself.",
    ],
    2,
  ],
  [
    "CONNECT x.api.example.com:22",
    [
      "deny no-22+: It matches.",
      "allow deep: It names port 443, not 22.",
      "allow api: It names api.example.com alone, not the names below it.",
      'allow one: "*.example.com" matches one label more, not several.',
    ],
    5,
  ],
  [
    "GET http://web.example.com/admin",
    [
      "deny no-admin+: It matches.",
      "deny no-22: It names port 22, not 80.",
      "allow one: It names port 8443, not 80.",
      "allow deep: It names port 443, not 80.",
      "allow web: Its paths are /a/**.",
    ],
    4,
  ],
  [
    "POST http://web.example.com/b",
    [
      "deny no-admin: It denies the methods GET, PUT.",
      "deny no-22: It names port 22, not 80.",
      "allow one: It names port 8443, not 80.",
      "allow deep: It names port 443, not 80.",
      "allow web: It allows the methods GET.",
    ],
    4,
  ],
  [
    "GET http://web.example.com/a/%2fb",
    [
      "deny no-admin+: It matches.",
      "deny no-22: It names port 22, not 80.",
      "allow one: It names port 8443, not 80.",
      "allow deep: It names port 443, not 80.",
      "allow web: The path can be read in several ways, so no pattern allows it.",
    ],
    4,
  ],
  [
    "CONNECT web.example.com:443",
    [
      "deny no-admin+: It is about methods or paths, so it denies every tunnel here whose requests nobody judges.",
      "deny no-22: It names port 22, not 443.",
      "allow one: It names port 8443, not 443.",
      "allow deep+: It matches.",
      "allow web: It names port 80, not 443.",
    ],
    4,
  ],
  [
    "GET http://db.example.com/",
    [
      "deny no-22: It names port 22, not 80.",
      "allow one: It names port 8443, not 80.",
      "allow deep: It names port 443, not 80.",
      "allow db: It allows a tunnel (CONNECT), not single requests.",
    ],
    5,
  ],
  [
    "GET http://api.example.com:443/",
    [
      "deny no-22: It names port 22, not 443.",
      "allow api: It asks for TLS: CONNECT api.example.com:443, not plain HTTP.",
      "allow one: It names port 8443, not 443.",
      "allow deep: It asks for TLS: CONNECT api.example.com:443, not plain HTTP.",
    ],
    5,
  ],
  ["CONNECT 10.0.0.1:22", ["allow lit: It names port 5432, not 22."], 8],
  [
    "CONNECT [::ffff:10.0.0.1]:5432",
    ["allow lit: It names 10.0.0.1; ::ffff:10.0.0.1 is another address that carries it."],
    8,
  ],
];
for (const [text, rules, others] of table) {
  test(`explain: ${text}`, () => {
    const explanation = explain(compiled(policy), request(text), NOON);
    assert.deepEqual(
      explanation.rules.map((rule) => `${rule.effect} ${rule.rule}${rule.matches ? "+" : ""}: ${rule.why}`),
      rules,
    );
    assert.equal(explanation.others, others);
  });
}

test("explain: the decision is decide's, and no policy has no rules", () => {
  assert.deepEqual(explain(DENY_ALL, request("CONNECT a.example:443"), NOON), {
    decision: { effect: "deny", reason: "policy_missing", rule: undefined },
    rules: [],
    others: 0,
  });
});

test("explain: near misses are bounded, and none is lost from the count", () => {
  const allow = Array.from({ length: 100 }, (_, index) => ({ id: `r${index}`, hosts: [`h${index}.example.com`] }));
  const explanation = explain(compiled({ allow }), request("CONNECT example.com:443"), NOON);
  assert.equal(explanation.rules.length, 20);
  assert.equal(explanation.others, 80);
});

test("explain: a model provider's host is said to be one, and the rules about it are shown", () => {
  const policy: PolicyText = { allow: [{ id: "api", hosts: ["api.example"] }] };
  const explanation = explain(compiled(policy), request("CONNECT api.example:443"), NOON, {
    ...NOTHING_AROUND,
    isProviderHost: () => true,
  });
  assert.deepEqual(explanation.decision, { effect: "deny", reason: "inference_only", rule: undefined });
  assert.deepEqual(
    explanation.rules.map(({ rule, matches }) => [rule, matches]),
    [["api", true]],
  );
});
