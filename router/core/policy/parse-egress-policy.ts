import type { DocumentProblem } from "../base/problem.ts";
import type { EpochMillis } from "../base/quantity.ts";
import type { Result } from "../base/result.ts";
import { choice } from "../document/choice-shape.ts";
import { type DocumentKind, envelope, readDocument } from "../document/document-kind.ts";
import { entryOf } from "../document/document-node.ts";
import { defaulted, required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { list } from "../document/list-shape.ts";
import { metadata } from "../document/metadata-shape.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { readYaml } from "../document/read-yaml.ts";
import { refined } from "../document/refined-shape.ts";
import { text } from "../document/text-shape.ts";
import { timestamp } from "../document/timestamp-shape.ts";
import { uniqueIds } from "../document/unique-ids.ts";
import type { EgressPolicyDocument } from "./egress-policy.ts";
import { allowRule, denyRule } from "./rule-shapes.ts";

const audienceName = text({
  code: "bad_name",
  pattern: /^(?:\*|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?)$/,
  hint: 'a name, or "*" alone for every one; there are no partial patterns.',
});

const audience = object({
  namespaces: required(list(audienceName, { unique: true }), 'Namespaces it is for; "*" is every one.'),
  agents: required(list(audienceName, { unique: true }), 'Agents it is for; "*" is every one.'),
});

const expiresLater: Condition<{ issuedAt: EpochMillis; expiresAt: EpochMillis }> = {
  check({ issuedAt, expiresAt }, map, report) {
    if (issuedAt === undefined || expiresAt === undefined || issuedAt < expiresAt) return;
    report.add(entryOf(map, "expiresAt")?.value ?? map, "expires_too_early", "expiresAt must be later than issuedAt.");
  },
};

const spec = object(
  {
    version: required(
      integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
      "Rises strictly: a version lower than one ever accepted is refused.",
    ),
    issuedAt: required(timestamp, "When it was issued."),
    expiresAt: required(timestamp, "From then on everything is denied."),
    audience: required(audience, "Whom it is for; anybody else refuses it."),
    mode: defaulted(choice("enforce", "learn"), "enforce", "learn records and allows what is not denied."),
    allow: required(list(allowRule, { mayBeEmpty: true }), "Rules that allow; what none of them names is refused."),
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
    (document) => ({ name: document.metadata.name, ...document.spec }),
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
