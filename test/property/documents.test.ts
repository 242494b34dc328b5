import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { stringify } from "yaml";
import { readYaml } from "../../router/core/document/read-yaml.ts";
import { runCampaign } from "../fuzz/campaign.ts";
import { POLICY_TARGETS } from "../fuzz/policy/targets.ts";
import { jsonOfNode } from "./yaml-oracle.ts";

// The long run is `node test/fuzz/policy.ts`; this one stays the same from day to day.
for (const target of POLICY_TARGETS) {
  test(`INV-POLICY-TOTAL: ${target.name}, 2,000 inputs: a value, or problems with their places`, () => {
    runCampaign(target, 2000, 20_480);
  });
}

/** UTF-16 code units, lone surrogates among them, and mostly ASCII. */
const unit = fc.oneof({ weight: 20, arbitrary: fc.integer({ min: 9, max: 126 }) }, fc.integer({ min: 0, max: 0xffff }));

test("INV-POLICY-TOTAL: any text whatever is read without a throw, twice alike", () => {
  fc.assert(
    fc.property(
      fc.array(unit, { maxLength: 100 }).map((units) => String.fromCharCode(...units)),
      (text) => {
        const [one, other] = [readYaml("f", text), readYaml("f", text)];
        assert.deepEqual(one.root, other.root);
        assert.deepEqual(one.report.problems(), other.report.problems());
      },
    ),
    { numRuns: 1000 },
  );
});

const printable = fc.string({ unit: fc.constantFrom(..."ab 1:-#,[]{}'\"\\&*!?é.~".split("")), maxLength: 12 });

test("whatever yaml writes in one line per text is read back as the same", () => {
  const leaf = fc.oneof(printable, fc.integer(), fc.boolean(), fc.constant(null));
  const document = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, leaf, tie("list"), tie("map")),
    // With indentSeq off, `yaml` writes an empty list in a column where YAML does not want it.
    list: fc.array(tie("value"), { minLength: 1, maxLength: 4 }),
    map: fc.dictionary(fc.stringMatching(/^[a-z][a-zA-Z]{0,8}$/), tie("value"), { maxKeys: 4, noNullPrototype: true }),
  })).map;
  fc.assert(
    fc.property(document, fc.constantFrom("block", "flow"), fc.boolean(), (value, collectionStyle, indentSeq) => {
      const text = stringify(
        { value },
        { collectionStyle, indentSeq, lineWidth: 0, blockQuote: false, aliasDuplicateObjects: false },
      );
      const { root, report } = readYaml("f", text);
      assert.deepEqual(report.problems(), [], text);
      assert.deepEqual(jsonOfNode(root), { value }, text);
    }),
    { numRuns: 500 },
  );
});
