import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCases, runCase } from "../../../../router/core/policy/cases.ts";
import { BARE_NETWORK } from "../../../../router/core/policy/network.ts";
import { compiled, type PolicyText } from "./policy-fixture.ts";

const policy: PolicyText = {
  allow: [
    { id: "api", hosts: ["api.example.com"], ports: [443] },
    { id: "db", hosts: ["db.example.com"], addresses: ["10.0.0.1:5432"], ports: [5432], protocol: "tcp" },
  ],
};

/** `passed effect reason rule` of each case. */
function run(source: string): readonly string[] {
  const cases = parseCases("x.cases.yaml", source);
  if (!cases.ok) throw new Error(cases.problem.map((problem) => problem.message).join("\n"));
  return cases.value.map((one) => {
    const { passed, got } = runCase(compiled(policy), BARE_NETWORK, one);
    return `${passed} ${got.effect} ${got.reason ?? "-"} ${got.rule ?? "-"}`;
  });
}

const table: readonly (readonly [fields: string, expected: string])[] = [
  ["request: CONNECT api.example.com:443, expect: allow", "true allow - api"],
  ["request: CONNECT api.example.com:443, expect: deny", "false allow - api"],
  ["request: CONNECT api.example.com:443, expect: allow, rule: db", "false allow - api"],
  ['request: "CONNECT api.example.com:443", expect: allow, resolve: ["8.8.8.8", "10.0.0.1"]', "true allow - api"],
  [
    'request: "CONNECT api.example.com:443", expect: deny, reason: address_not_allowed, resolve: ["10.0.0.1"]',
    "true deny address_not_allowed api",
  ],
  ["request: CONNECT api.example.com:443, expect: deny, resolve: []", "true deny address_not_allowed api"],
  ['request: "CONNECT db.example.com:5432", expect: allow, rule: db, resolve: ["10.0.0.1"]', "true allow - db"],
  ["request: CONNECT 10.0.0.1:5432, expect: allow, rule: db", "true allow - db"],
  ["request: CONNECT other.example:443, expect: deny, reason: host_not_allowed", "true deny host_not_allowed -"],
  ["request: CONNECT other.example:443, expect: deny, reason: port_not_allowed", "false deny host_not_allowed -"],
  ["request: GET http://api.example.com:443/, expect: deny, reason: not_tls, rule: api", "true deny not_tls api"],
  [
    'request: "CONNECT api.example.com:443", expect: deny, reason: policy_expired, at: "2027-02-20T00:00:00Z"',
    "true deny policy_expired -",
  ],
  ['request: "CONNECT api.example.com:443", expect: allow, at: "2027-02-19T23:59:59Z"', "true allow - api"],
];
for (const [fields, expected] of table) {
  test(`case: ${fields} -> ${expected}`, () => {
    const lines = fields.split(/, (?=[a-z]+: )/).map((field) => `    ${field}\n`);
    assert.deepEqual(run(`cases:\n  - name: it\n${lines.join("")}`), [expected]);
  });
}

const problems: readonly (readonly [what: string, source: string, codes: readonly string[]])[] = [
  ["empty", "", ["empty_document"]],
  ["no case", "cases: []", ["empty_list"]],
  ["an unknown key", "cases: []\nother: 1", ["empty_list", "unknown_key"]],
  ["a case without its request", "cases:\n  - { name: x, expect: deny }", ["missing_key"]],
  ["a bad request", "cases:\n  - { name: x, request: GET ftp://a.example/, expect: deny }", ["bad_request"]],
  ["a port that is none", "cases:\n  - { name: x, request: 'CONNECT a.example:0', expect: deny }", ["bad_request"]],
  [
    "an unknown reason",
    "cases:\n  - { name: x, request: 'CONNECT a.b:1', expect: deny, reason: nope }",
    ["unknown_value"],
  ],
  [
    "a reason of an allowance",
    "cases:\n  - { name: x, request: 'CONNECT a.b:1', expect: allow, reason: not_tls }",
    ["reason_of_allow"],
  ],
  [
    "resolving a literal",
    "cases:\n  - { name: x, request: 'CONNECT 1.2.3.4:1', expect: allow, resolve: [1.2.3.4] }",
    ["resolve_of_address"],
  ],
  [
    "several problems at once",
    "cases:\n  - { name: x, request: CONNECT, expect: maybe }\n  - { name: y, request: 'CONNECT a.b:1', expect: deny, at: now }",
    ["bad_request", "unknown_value", "bad_timestamp"],
  ],
];
for (const [what, source, codes] of problems) {
  test(`cases refused: ${what}`, () => {
    const parsed = parseCases("x.cases.yaml", source);
    assert.ok(!parsed.ok);
    assert.deepEqual(
      parsed.problem.map((problem) => problem.code),
      codes,
    );
  });
}
