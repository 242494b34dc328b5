import { parseLinearPattern } from "./linear-pattern.ts";
import { choice } from "../document/choice-shape.ts";
import { exactlyOneOf } from "../document/conditions.ts";
import { entryOf } from "../document/document-node.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { list } from "../document/list-shape.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";
import { ruleId } from "./rule-parts.ts";
import type { Signer, SigningRequirement, TextMatch } from "./signer-policy.ts";

/** Kinds whose signatures are checked. */
const SIGNED_KINDS = ["EgressPolicy", "InferencePolicy", "GovernancePolicy"] as const;

/** A plain name: whoever mounts the trust directory decides where it is, and nothing in it leads out. */
export const fileName = text({
  code: "bad_file_name",
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
  hint: "a file of the trust directory is named without slashes and does not begin with a dot.",
});

/**
 * Anchored, so that `github.com/org` cannot match `evil.example/?github.com/org`. Whoever gets a certificate chooses
 * the text that is matched: patterns are RE2-class and run in linear time (`parseLinearPattern`).
 */
const anchoredPattern = refined(
  text({
    code: "bad_pattern",
    // The last "$" must not be an escaped one.
    pattern: /^\^(?:[^\\]|\\.)*\$$/,
    hint: 'a pattern begins with "^" and ends with "$", so that it must match the whole.',
    maximum: 512,
  }),
  (given, node, report) => {
    const parsed = parseLinearPattern(given);
    if (parsed.ok) return given;
    report.add(node, "bad_pattern", parsed.problem);
    return undefined;
  },
);

const textMatch: Shape<TextMatch> = refined(
  object(
    {
      exact: optional(text(), "The text, letter by letter."),
      pattern: optional(anchoredPattern, "A pattern over the whole text: ^...$."),
    },
    exactlyOneOf(["exact", "pattern"], "bad_match", 'Either "exact" or "pattern" is needed, and not both.'),
  ),
  ({ exact, pattern }) => {
    if (exact !== undefined) return { exact };
    return pattern === undefined ? undefined : { pattern };
  },
);

export const signer: Shape<Signer> = refined(
  object(
    {
      id: required(ruleId, "Unique in the document."),
      key: optional(
        object({ file: required(fileName, "PEM public key (ECDSA P-256), in the trust directory.") }),
        "A signer known by a public key.",
      ),
      certificate: optional(
        object({
          identity: required(textMatch, "Subject alternative name of the signing certificate."),
          issuer: required(textMatch, "OpenID Connect issuer that vouched for it."),
        }),
        "A signer known by what a certificate says; needs trustedRoots.",
      ),
    },
    exactlyOneOf(["key", "certificate"], "bad_signer", 'A signer has either a "key" or a "certificate".'),
  ),
  ({ id, key, certificate }) => {
    if (key !== undefined) return { id, kind: "key", publicKeyFile: key.file };
    return certificate === undefined ? undefined : { id, kind: "certificate", ...certificate };
  },
);

const signersUnlessUnsigned: Condition<{ unsigned: string; signers: unknown }> = {
  schema: {
    anyOf: [{ required: ["signers"] }, { required: ["unsigned"], properties: { unsigned: { const: "allow" } } }],
  },
  check({ unsigned }, map, report) {
    if (map.damaged || unsigned !== "refuse" || entryOf(map, "signers") !== undefined) return;
    report.add(map, "missing_key", 'The key "signers" is missing: who must sign, unless "unsigned: allow" is written.');
  },
};

const reachableThreshold: Condition<{ threshold: number; signers: readonly string[] | undefined }> = {
  check({ threshold, signers }, map, report) {
    if (threshold === undefined || signers === undefined || threshold <= signers.length) return;
    const place = entryOf(map, "threshold")?.value ?? map;
    report.add(
      place,
      "threshold_too_high",
      `${threshold} signatures are needed, and there are ${signers.length} signers.`,
    );
  },
};

export const requirement: Shape<SigningRequirement> = refined(
  object(
    {
      kind: required(choice(...SIGNED_KINDS), "The kind of document."),
      unsigned: defaulted(
        choice("refuse", "allow"),
        "refuse",
        "allow is for development: anybody may then write the policy.",
      ),
      signers: optional(list(ruleId, { unique: true }), "Ids of the signers that count."),
      threshold: defaulted(integer({ minimum: 1, maximum: 16 }), 1, "How many of them must have signed."),
    },
    signersUnlessUnsigned,
    reachableThreshold,
  ),
  ({ kind, unsigned, signers, threshold }) => ({
    documentKind: kind,
    required: unsigned === "refuse",
    signers: signers ?? [],
    threshold,
  }),
);
