import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  actionsPolicyOf,
  largerBudget,
  modelsPolicyOf,
  otherWildcard,
  policyOf,
} from "../../../../cli/quickstart/policy.ts";
import { parseGovernancePolicy } from "../../../../router/core/governance/parse-governance-policy.ts";
import { parseInferencePolicy } from "../../../../router/core/models/parse-inference-policy.ts";
import { parseEgressPolicy } from "../../../../router/core/policy/parse-egress-policy.ts";

const document = (name: string): string =>
  readFileSync(new URL(`../../../../policies/quickstart/${name}.yaml`, import.meta.url), "utf8");
const shipped = document("egress");
const shippedModels = document("inference");
const NOW = Date.UTC(2027, 0, 1);

/** Lines of `text` that are not those of `from`. */
function changes(text: string, from = shipped): readonly string[] {
  const lines = from.split("\n");
  return text.split("\n").flatMap((line, index) => (line === lines[index] ? [] : [line.trim()]));
}

test("the tour's policy is the shipped one, but for version, dates, ports and addresses", () => {
  const policy = policyOf({
    version: 7,
    now: NOW,
    addresses: ["198.51.100.1", "[2001:db8::1]"],
    tlsPort: 8443,
    httpPort: 34_567,
  });
  assert.deepEqual(changes(policy), [
    "version: 7",
    'issuedAt: "2026-12-31T23:59:00.000Z"',
    'expiresAt: "2027-01-02T00:00:00.000Z"',
    'addresses: ["198.51.100.1:443", "[2001:db8::1]:443", "198.51.100.1:8443", "[2001:db8::1]:8443"]',
    'addresses: ["198.51.100.1:443", "[2001:db8::1]:443", "198.51.100.1:8443", "[2001:db8::1]:8443"]',
    "ports: [80, 34567]",
    'addresses: ["198.51.100.1:80", "[2001:db8::1]:80", "198.51.100.1:34567", "[2001:db8::1]:34567"]',
  ]);
  assert.ok(parseEgressPolicy("egress.yaml", policy).ok);
});

test("the changed policy allows *.other.example instead of *.wild.example", () => {
  const policy = otherWildcard(shipped);
  assert.deepEqual(changes(policy), ['hosts: ["*.other.example"]']);
  assert.ok(parseEgressPolicy("egress.yaml", policy).ok);
});

test("the models' policy is the shipped one, but for version, dates and the port", () => {
  const policy = modelsPolicyOf({ version: 3, now: NOW, modelPort: 45_678 });
  assert.deepEqual(changes(policy, shippedModels), [
    "version: 3",
    'issuedAt: "2026-12-31T23:59:00.000Z"',
    'expiresAt: "2027-01-02T00:00:00.000Z"',
    "endpoint: http://model.example:45678/v1",
    'addresses: ["127.0.0.1:45678"] # in clear, and special-use: so it is named, and reached nowhere else',
  ]);
  assert.ok(parseInferencePolicy("inference.yaml", policy).ok);
});

test("the actions' policy is the shipped one, but for version and dates", () => {
  const policy = actionsPolicyOf({ version: 4, now: NOW });
  assert.deepEqual(changes(policy, document("governance")), [
    "version: 4",
    'issuedAt: "2026-12-31T23:59:00.000Z"',
    'expiresAt: "2027-01-02T00:00:00.000Z"',
  ]);
  assert.ok(parseGovernancePolicy("governance.yaml", policy).ok);
});

test("the larger budget is that of the tour, and nothing else", () => {
  const policy = largerBudget(shippedModels);
  assert.deepEqual(changes(policy, shippedModels), [
    "- { id: hour, window: 1h, tokens: 1000000 } # of the last hour, always",
  ]);
  assert.ok(parseInferencePolicy("inference.yaml", policy).ok);
});
