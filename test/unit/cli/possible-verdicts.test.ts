import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { certainVerdict } from "../../../cli/possible-verdicts.ts";
import { millis } from "../../../router/core/base/quantity.ts";
import type { ActionContext, ExecAction } from "../../../router/core/governance/action.ts";
import {
  compileGovernancePolicy,
  type CompiledGovernancePolicy,
} from "../../../router/core/governance/compile-governance-policy.ts";
import { decide } from "../../../router/core/governance/decide.ts";
import type { Fact } from "../../../router/core/governance/facts.ts";
import { parseGovernancePolicy } from "../../../router/core/governance/parse-governance-policy.ts";

function policyOf(rules: readonly string[], observing = false): CompiledGovernancePolicy {
  const text = [
    "apiVersion: sluice.dev/v1alpha1",
    "kind: GovernancePolicy",
    "metadata: { name: g }",
    "spec:",
    "  version: 1",
    '  issuedAt: "2026-11-20T00:00:00Z"',
    '  expiresAt: "2027-02-20T00:00:00Z"',
    '  audience: { namespaces: ["*"], agents: ["*"] }',
    ...(observing ? ["  mode: observe", '  observeUntil: "2026-12-03T00:00:00Z"'] : []),
    rules.length === 0 ? "  rules: []" : "  rules:",
    ...rules.map((rule, index) => `    - { id: r${index}, actions: [exec], ${rule} }`),
    "",
  ].join("\n");
  const parsed = parseGovernancePolicy("g.yaml", text);
  assert.ok(parsed.ok, parsed.ok ? "" : `${parsed.problem[0]?.message}\n${text}`);
  return compileGovernancePolicy(parsed.value, `sha256:${"0".repeat(64)}`, millis(0));
}

const CONDITIONS = [
  "program: { in: [/a] }",
  "argv: { some: { in: [x] } }",
  "argv: { every: { in: [x] } }",
  "directory: { in: [/w] }",
  "labels: [{ name: team, in: [guests] }]",
];
const HIDEABLE: readonly Fact[] = ["argv", "directory", "labels"];

const conditions = fc
  .uniqueArray(fc.constantFrom(...CONDITIONS), { maxLength: 3, selector: (text) => text.slice(0, 4) })
  .map((texts) => texts.join(", "));
const rule = fc
  .record({
    effect: fc.constantFrom("deny", "require_approval", "rate_limit", "allow"),
    when: conditions,
    unless: conditions,
  })
  .map(({ effect, when, unless }) => {
    const limit = effect === "rate_limit" ? ", limit: { concurrent: 1 }" : "";
    return `effect: ${effect}, when: { ${when} }${unless === "" ? "" : `, unless: { ${unless} }`}${limit}`;
  });
const action: fc.Arbitrary<ExecAction> = fc.record({
  kind: fc.constant("exec" as const),
  program: fc.constantFrom("/a", "/b", undefined),
  argv: fc.constantFrom<readonly string[] | undefined>([], ["x"], ["y"], ["x", "y"], undefined),
  directory: fc.constantFrom("/w", "/r", undefined),
});
const labels = fc.constantFrom(
  new Map([["team", "guests"]]),
  new Map([["team", "staff"]]),
  new Map<string, string>(),
  undefined,
);

test("a verdict that is called certain is the one that the whole action gets, whatever was hidden", () => {
  let certain = 0;
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 4 }),
      fc.boolean(),
      action,
      labels,
      fc.subarray([...HIDEABLE]),
      (rules, observing, whole, known, hidden) => {
        const policy = policyOf(rules, observing);
        const context: ActionContext = { now: Date.UTC(2026, 11, 1), labels: known, scoreOf: () => undefined };
        const is = new Set(hidden);
        const seen: ExecAction = {
          ...whole,
          argv: is.has("argv") ? undefined : whole.argv,
          directory: is.has("directory") ? undefined : whole.directory,
        };
        const found = certainVerdict(policy, seen, is.has("labels") ? { ...context, labels: undefined } : context, is);
        const verdict = decide(policy, whole, context);
        const word = verdict.effect === "allow" && verdict.observed !== undefined ? "observed" : verdict.effect;
        if (found !== undefined) assert.equal(found.word, word);
        else assert.ok(hidden.length > 0);
        if (found !== undefined && hidden.length > 0) certain += 1;
      },
    ),
    { numRuns: 1_500, seed: 5 },
  );
  // It is of use: not everything is left open.
  assert.ok(certain > 300, String(certain));
});

const rows: readonly (readonly [name: string, rules: readonly string[], word: string | undefined])[] = [
  ["a deny rule that may hold, and nothing else", ["effect: deny, when: { argv: { some: { in: [x] } } }"], "deny"],
  [
    "a deny rule that may hold, over an allowance",
    ["effect: allow, when: {}", "effect: deny, when: { argv: { some: { in: [x] } } }"],
    undefined,
  ],
  [
    "a deny rule that holds whatever is hidden",
    ["effect: deny, when: { program: { in: [/a] } }", "effect: allow, when: { argv: { some: { in: [x] } } }"],
    "deny",
  ],
  ["an allowance that may hold", ["effect: allow, when: { argv: { some: { in: [x] } } }"], undefined],
  [
    "an allowance beside one that may hold",
    ["effect: allow, when: {}", "effect: rate_limit, when: { argv: { some: { in: [x] } } }, limit: { concurrent: 1 }"],
    "allow",
  ],
  [
    "an approval that may be needed",
    ["effect: allow, when: {}", "effect: require_approval, when: { argv: { some: { in: [x] } } }"],
    undefined,
  ],
  [
    "an approval that is needed anyway",
    ["effect: require_approval, when: {}", "effect: allow, when: { argv: { some: { in: [x] } } }"],
    "require_approval",
  ],
];
for (const [name, rules, word] of rows) {
  test(`${name}: ${word ?? "depends"}`, () => {
    const seen: ExecAction = { kind: "exec", program: "/a", argv: undefined, directory: undefined };
    const context: ActionContext = { now: Date.UTC(2026, 11, 1), labels: undefined, scoreOf: () => undefined };
    assert.equal(certainVerdict(policyOf(rules), seen, context, new Set<Fact>(["argv"]))?.word, word);
  });
}
