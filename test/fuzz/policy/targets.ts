import assert from "node:assert/strict";
import type { DocumentProblem } from "../../../router/core/base/problem.ts";
import { millis } from "../../../router/core/base/quantity.ts";
import type { Result } from "../../../router/core/base/result.ts";
import { parseRouterConfig } from "../../../router/core/config/parse-router-config.ts";
import { routerConfig } from "../../../router/core/config/router-config-shape.ts";
import { documentSchema } from "../../../router/core/document/document-kind.ts";
import { readYaml } from "../../../router/core/document/read-yaml.ts";
import type { JsonSchema } from "../../../router/core/document/shape.ts";
import { compilePolicy } from "../../../router/core/policy/compile.ts";
import { lintEgressPolicy } from "../../../router/core/policy/lint-egress-policy.ts";
import { egressPolicy, parseEgressPolicy } from "../../../router/core/policy/parse-egress-policy.ts";
import { parseSignerPolicy, signerPolicy } from "../../../router/core/policy/parse-signer-policy.ts";
import { jsonOfNode, oracleOf, valueOfNode } from "../../property/yaml-oracle.ts";
import { EGRESS_POLICY, ROUTER_CONFIG, SIGNER_POLICY } from "../../unit/policies/documents.ts";
import { satisfiesSchema } from "../../unit/policies/satisfies-schema.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import { randomOctets } from "../mutation.ts";
import type { Random } from "../random.ts";
import { mutatedDocument, PIECES } from "./document-mutation.ts";

const utf8 = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

function documentTarget(
  name: string,
  parse: (file: string, text: string) => Result<unknown, readonly DocumentProblem[]>,
  schema: JsonSchema,
  document: string,
): FuzzTarget {
  return {
    name,
    input: (random) => (random.once(50) ? randomOctets(random) : utf8.encode(mutatedDocument(document, random))),
    examine(input) {
      const text = decoder.decode(input);
      const parsed = parse("f", text);
      if (!parsed.ok) {
        checkProblems(text, parsed.problem);
        return false;
      }
      assert.equal(satisfiesSchema(schema, jsonOfNode(readYaml("f", text).root)), true, "the schema refuses it");
      return true;
    },
  };
}

/** Problems lie in the text, have a stable code, and are one sentence that is fit to be shown. */
function checkProblems(text: string, problems: readonly DocumentProblem[]): void {
  assert.ok(problems.length > 0, "refused without a problem");
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  for (const { line, column, code, message } of problems) {
    assert.match(code, /^[a-z][a-z0-9_]*$/);
    assert.match(message, /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{1,600}\.$/u);
    const length = lines[line - 1]?.length;
    assert.ok(length !== undefined && column >= 1 && column <= length + 1, `${line}:${column} is outside`);
  }
}

const parseAndCompile: typeof parseEgressPolicy = (file, text) => {
  const policy = parseEgressPolicy(file, text);
  if (policy.ok) {
    compilePolicy(policy.value, `sha256:${"0".repeat(64)}`, millis(0));
    lintEgressPolicy(file, policy.value);
  }
  return policy;
};

const soup = (random: Random): string =>
  Array.from({ length: 1 + random.below(24) }, () => (random.once(3) ? "k" : random.pick(PIECES))).join("");

/** What our YAML reader accepts, `yaml` accepts too, and reads as the same. */
const yamlReader: FuzzTarget = {
  name: "yaml-reader",
  input: (random) => utf8.encode(random.once(4) ? mutatedDocument(EGRESS_POLICY, random) : soup(random)),
  examine(input) {
    const text = decoder.decode(input);
    const { root, report } = readYaml("f", text);
    if (!report.clean) return false;
    assert.deepEqual({ value: valueOfNode(root) }, oracleOf(text));
    return true;
  },
};

export const POLICY_TARGETS: readonly FuzzTarget[] = [
  documentTarget("egress-policy", parseAndCompile, documentSchema(egressPolicy), EGRESS_POLICY),
  documentTarget("signer-policy", parseSignerPolicy, documentSchema(signerPolicy), SIGNER_POLICY),
  documentTarget("router-config", parseRouterConfig, documentSchema(routerConfig), ROUTER_CONFIG),
  yamlReader,
];
