import assert from "node:assert/strict";
import { test } from "node:test";
import { lintEgressPolicy } from "../../../../router/core/policy/lint-egress-policy.ts";
import { parseEgressPolicy } from "../../../../router/core/policy/parse-egress-policy.ts";

/** The ids of the rules that never count, of a policy with these rules. */
function unreachable(allow: readonly string[], deny: readonly string[] = []): readonly string[] {
  const parsed = parseEgressPolicy(
    "p.yaml",
    `apiVersion: sluice.dev/v1alpha1
kind: EgressPolicy
metadata: { name: lint }
spec:
  version: 1
  issuedAt: 2026-11-20T00:00:00Z
  expiresAt: 2027-02-20T00:00:00Z
  audience: { namespaces: ["*"], agents: ["*"] }
  allow: [${allow.map((rule, at) => `{ id: a${at}, ${rule} }`).join(", ")}]
  deny: [${deny.map((rule, at) => `{ id: d${at}, ${rule} }`).join(", ")}]
`,
  );
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problem));
  const warnings = lintEgressPolicy("p.yaml", parsed.value);
  return warnings.map(
    ({ message }) => /rule "(\w+)" never counts: "(\w+)"/.exec(message)?.slice(1).join(" by ") ?? message,
  );
}

const rows: readonly (readonly [
  name: string,
  allow: readonly string[],
  deny: readonly string[],
  found: readonly string[],
])[] = [
  ["different hosts", ["hosts: [a.example], ports: [443]", "hosts: [b.example], ports: [443]"], [], []],
  ["the same again", ["hosts: [a.example], ports: [443]", "hosts: [a.example], ports: [443]"], [], ["a1 by a0"]],
  ["another port", ["hosts: [a.example], ports: [443]", "hosts: [a.example], ports: [443, 8443]"], [], []],
  [
    "under a wildcard",
    ['hosts: ["*.a.example"], ports: [443]', "hosts: [x.a.example], ports: [443]"],
    [],
    ["a1 by a0"],
  ],
  [
    "not under a wildcard: the apex",
    ['hosts: ["*.a.example"], ports: [443]', "hosts: [a.example], ports: [443]"],
    [],
    [],
  ],
  [
    "not under a wildcard: two labels",
    ['hosts: ["*.a.example"], ports: [443]', "hosts: [x.y.a.example], ports: [443]"],
    [],
    [],
  ],
  [
    "under a deep wildcard",
    [
      'hosts: ["**.a.example"], ports: [443]',
      'hosts: [x.y.a.example, "*.y.a.example", "**.z.a.example"], ports: [443]',
    ],
    [],
    ["a1 by a0"],
  ],
  [
    "a wildcard after its parts",
    ["hosts: [x.a.example], ports: [443]", 'hosts: ["*.a.example"], ports: [443]'],
    [],
    [],
  ],
  [
    "under two rules together",
    ["hosts: [a.example], ports: [80]", "hosts: [a.example], ports: [443]", "hosts: [a.example], ports: [80, 443]"],
    [],
    ["a2 by a0"],
  ],
  [
    "tunnels take the first rule, whatever its protocol",
    ["hosts: [a.example], ports: [443], protocol: http", "hosts: [a.example], ports: [443]"],
    [],
    ["a1 by a0"],
  ],
  [
    "plain requests pass over tls rules",
    ["hosts: [a.example], ports: [80]", "hosts: [a.example], ports: [80], protocol: http"],
    [],
    [],
  ],
  [
    "plain requests fall through constrained rules",
    [
      "hosts: [a.example], ports: [80], protocol: http, http: { methods: [GET] }",
      "hosts: [a.example], ports: [80], protocol: http, http: { methods: [PUT] }",
    ],
    [],
    [],
  ],
  [
    "plain requests after an open rule",
    [
      "hosts: [a.example], ports: [80], protocol: http",
      "hosts: [a.example], ports: [80], protocol: http, http: { methods: [PUT] }",
    ],
    [],
    ["a1 by a0"],
  ],
  ["denied altogether", ["hosts: [a.example], ports: [443]"], ["hosts: [a.example]"], ["a0 by d0"]],
  ["denied on its port", ["hosts: [a.example], ports: [443]"], ["hosts: [a.example], ports: [443]"], ["a0 by d0"]],
  ["denied on another port", ["hosts: [a.example], ports: [443]"], ["hosts: [a.example], ports: [80]"], []],
  [
    "denied for some requests",
    ["hosts: [a.example], ports: [80], protocol: http"],
    ["hosts: [a.example], http: { methods: [PUT] }"],
    [],
  ],
  [
    "the same address",
    ['addresses: ["10.0.0.1:80"], protocol: tcp', 'addresses: ["10.0.0.1:80"], protocol: tcp'],
    [],
    ["a1 by a0"],
  ],
  [
    "another port of the address",
    ['addresses: ["10.0.0.1:80"], protocol: tcp', 'addresses: ["10.0.0.1:81"], protocol: tcp'],
    [],
    [],
  ],
  [
    "hosts covered, address not",
    ["hosts: [a.example], ports: [443]", 'hosts: [a.example], ports: [443], addresses: ["10.0.0.1:443"]'],
    [],
    [],
  ],
];

test("rules that never count are named", () => {
  for (const [name, allow, deny, found] of rows) assert.deepEqual(unreachable(allow, deny), found, name);
});
