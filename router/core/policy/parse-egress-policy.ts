import type { DocumentProblem } from "../base/problem.ts";
import type { Result } from "../base/result.ts";
import { choice } from "../document/choice-shape.ts";
import { type DocumentKind, envelope, readDocument } from "../document/document-kind.ts";
import { defaulted, required } from "../document/field.ts";
import { list } from "../document/list-shape.ts";
import { metadata } from "../document/metadata-shape.ts";
import { object } from "../document/object-shape.ts";
import { readYaml } from "../document/read-yaml.ts";
import { refined } from "../document/refined-shape.ts";
import { uniqueIds } from "../document/unique-ids.ts";
import type { EgressPolicyDocument } from "./egress-policy.ts";
import { hostPattern } from "./host-pattern.ts";
import { allowRule, denyRule } from "./rule-shapes.ts";
import { expiresLater, validity } from "./validity.ts";

const spec = object(
  {
    ...validity,
    mode: defaulted(choice("enforce", "learn"), "enforce", "learn records and allows what is not denied."),
    allow: required(list(allowRule, { mayBeEmpty: true }), "Rules that allow; what none of them names is refused."),
    blocklist: defaulted(
      object({
        except: defaulted(
          list(hostPattern({ wide: true }), { mayBeEmpty: true, unique: true }),
          [],
          "Hosts that no blocklist blocks: false positives.",
        ),
      }),
      {},
      "What is said of the router's blocklists.",
    ),
    deny: defaulted(list(denyRule, { mayBeEmpty: true }), [], "Rules that deny; they win over those that allow."),
  },
  expiresLater,
  uniqueIds(["allow", "deny"], "id"),
);

export const egressPolicy: DocumentKind<EgressPolicyDocument> = {
  kind: "EgressPolicy",
  description: "What an agent may reach. It must be signed as the router's SignerPolicy says.",
  shape: refined(
    object({
      ...envelope("EgressPolicy"),
      metadata: required(metadata, "The document's name."),
      spec: required(spec, "The rules, and when and for whom they hold."),
    }),
    ({ metadata: { name }, spec: { blocklist, ...rest } }) => ({ name, ...rest, notBlocked: blocklist.except }),
  ),
};

/**
 * Reads an `EgressPolicy` (contract.md, "Policy documents") from its text, at most 4 MiB. `file` is only repeated
 * in problems, which come all at once, ordered by position.
 */
export function parseEgressPolicy(
  file: string,
  source: string,
): Result<EgressPolicyDocument, readonly DocumentProblem[]> {
  return readDocument(egressPolicy, readYaml(file, source));
}
