import assert from "node:assert/strict";
import { test } from "node:test";
import { admissibleAddresses, decideName } from "../../../../router/core/policy/decide-name.ts";
import { DENY_ALL } from "../../../../router/core/policy/snapshot.ts";
import { NOTHING_AROUND, type Surroundings } from "../../../../router/core/policy/surroundings.ts";
import { parseHost } from "../../../../router/core/wire/host.ts";
import type { Host } from "../../../../router/core/wire/host.ts";
import { compiled, EXPIRES, ip, network, NOON, type PolicyText } from "./policy-fixture.ts";

function host(text: string): Host {
  const parsed = parseHost(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

function said(policy: PolicyText, name: string, surroundings: Surroundings = NOTHING_AROUND): string {
  const decision = decideName(compiled(policy), host(name), NOON, surroundings);
  if (decision.effect === "deny") return `deny ${decision.reason} ${decision.rule ?? "-"}`;
  return `permit ${decision.permits.map(({ port }) => port).join(" ")}`;
}

const api = { id: "api", hosts: ["api.example"] };
const around: Surroundings = {
  isProviderHost: ({ text }, port) => text === "api.example" && port === 443,
  blocklist: ({ text }) => (text === "bad.example" ? "feed" : undefined),
};

const rows: readonly (readonly [
  name: string,
  policy: PolicyText,
  host: string,
  verdict: string,
  surroundings?: Surroundings,
])[] = [
  ["a rule names it", { allow: [api] }, "api.example", "permit 443"],
  ["all of its ports", { allow: [{ ...api, ports: [8443, 443] }] }, "api.example", "permit 8443 443"],
  ["nobody names it", { allow: [api] }, "b.example", "deny host_not_allowed -"],
  ["the apex of a wildcard", { allow: [{ ...api, hosts: ["*.example"] }] }, "api.example", "permit 443"],
  [
    "below a wildcard of one label",
    { allow: [{ ...api, hosts: ["*.api.example"] }] },
    "a.b.api.example",
    "deny host_not_allowed -",
  ],
  [
    "denied altogether",
    { allow: [api], deny: [{ id: "d", hosts: ["api.example"] }] },
    "api.example",
    "deny denied_by_rule d",
  ],
  [
    "denied on one port",
    { allow: [{ ...api, ports: [443, 8443] }], deny: [{ id: "d", hosts: ["api.example"], ports: [443] }] },
    "api.example",
    "permit 8443",
  ],
  ["learn mode", { mode: "learn" }, "new.example", "permit 443 80"],
  ["a provider's only port", { allow: [api] }, "api.example", "deny inference_only -", around],
  ["a provider's, and another port", { allow: [{ ...api, ports: [443, 22] }] }, "api.example", "permit 22", around],
  ["on a blocklist", { mode: "learn" }, "bad.example", "deny blocklisted blocklist/feed", around],
];
for (const [name, policy, asked, expected, surroundings] of rows) {
  test(`INV-DNS-POLICY: a name is known of where a connection could follow: ${name}`, () => {
    assert.equal(said(policy, asked, surroundings), expected);
  });
}

test("INV-DNS-POLICY: without a policy, and with an expired one, no name is known of", () => {
  assert.deepEqual(decideName(DENY_ALL, host("api.example"), NOON, NOTHING_AROUND), {
    effect: "deny",
    reason: "policy_missing",
    rule: undefined,
  });
  const expired = decideName(compiled({ allow: [api] }), host("api.example"), EXPIRES, NOTHING_AROUND);
  assert.partialDeepStrictEqual(expired, { effect: "deny", reason: "policy_expired" });
});

test("INV-DNS-POLICY: told are the addresses that one of the ports may be dialled at", () => {
  const policy = { allow: [{ ...api, addresses: ["10.1.2.3:5432"], ports: [443, 5432] }] };
  const decision = decideName(compiled(policy), host("api.example"), NOON, NOTHING_AROUND);
  assert.ok(decision.effect === "permit");
  const answers = ["127.0.0.1", "8.8.8.8", "10.1.2.3", "169.254.169.254", "10.1.2.4"].map(ip);
  assert.deepEqual(admissibleAddresses(network(), decision.permits, answers), ["8.8.8.8", "10.1.2.3"]);
});
