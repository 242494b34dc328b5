import type { DocumentProblem } from "../base/problem.ts";
import type { Result } from "../base/result.ts";
import { choice } from "../document/choice-shape.ts";
import { exactlyOneOf } from "../document/conditions.ts";
import { didYouMean } from "../document/did-you-mean.ts";
import { type DocumentKind, envelope, readDocument } from "../document/document-kind.ts";
import { entryOf } from "../document/document-node.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { list } from "../document/list-shape.ts";
import { metadata } from "../document/metadata-shape.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { quoted } from "../document/quoted.ts";
import { readYaml } from "../document/read-yaml.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";
import { idsUnder, uniqueIds } from "../document/unique-ids.ts";
import { ruleId } from "./rule-parts.ts";
import type { Signer, SignerPolicyDocument, SigningRequirement, TextMatch } from "./signer-policy.ts";

/** Kinds whose signatures are checked. */
const SIGNED_KINDS = ["EgressPolicy"] as const;

/** A plain name: whoever mounts the trust directory decides where it is, and nothing in it leads out. */
const fileName = text({
  code: "bad_file_name",
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
  hint: "a file of the trust directory is named without slashes and does not begin with a dot.",
});

/**
 * Anchored, so that `github.com/org` cannot match `evil.example/?github.com/org`. Whoever gets a certificate chooses
 * the text that is matched: patterns are RE2-class and run in linear time (`parseLinearPattern`).
 */
const anchoredPattern = text({
  code: "bad_pattern",
  // The last "$" must not be an escaped one.
  pattern: /^\^(?:[^\\]|\\.)*\$$/,
  hint: 'a pattern begins with "^" and ends with "$", so that it must match the whole.',
  maximum: 512,
});

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

const signer: Shape<Signer> = refined(
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

const requirement: Shape<SigningRequirement> = refined(
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

const knownSigners: Condition<unknown> = {
  check(_values, map, report) {
    const known = Array.from(idsUnder(map, "signers", "id"), (id) => id.text);
    const ids = new Set(known);
    const requirements = entryOf(map, "requirements")?.value;
    for (const item of requirements?.kind === "list" ? requirements.items : []) {
      const named = item.kind === "map" ? entryOf(item, "signers")?.value : undefined;
      for (const id of named?.kind === "list" ? named.items : []) {
        if (id.kind !== "scalar" || ids.has(id.text)) continue;
        report.add(id, "unknown_signer", `No signer has the id ${quoted(id.text)}${didYouMean(id.text, known)}.`);
      }
    }
  },
};

/** Two names for one key would let one holder meet a threshold of two. */
const distinctSigners: Condition<{ signers: readonly Signer[] }> = {
  check({ signers = [] }, map, report) {
    const place = entryOf(map, "signers")?.value;
    const seen = new Map<string, string>();
    for (const [index, { id, ...principal }] of signers.entries()) {
      const key = JSON.stringify(principal);
      const twin = seen.get(key);
      seen.set(key, id);
      if (twin === undefined || place?.kind !== "list") continue;
      const message = `The signers ${quoted(twin)} and ${quoted(id)} are the same, and would count twice.`;
      report.add(place.items[index] ?? map, "duplicate_signer", message);
    }
  },
};

const rootsForCertificates: Condition<{ signers: readonly Signer[]; trustedRoots: readonly string[] | undefined }> = {
  check({ signers = [] }, map, report) {
    if (map.damaged || entryOf(map, "trustedRoots") !== undefined) return;
    if (!signers.some(({ kind }) => kind === "certificate")) return;
    report.add(
      map,
      "missing_key",
      'The key "trustedRoots" is missing: certificates are checked against pinned roots only.',
    );
  },
};

const spec = object(
  {
    signers: required(list(signer, { mayBeEmpty: true }), "Who may sign; empty where everything may be unsigned."),
    trustedRoots: optional(
      list(fileName, { unique: true }),
      "Sigstore trusted_root.json files, in the trust directory; for certificate signers.",
    ),
    requirements: required(list(requirement), "Which kinds of document must be signed, and by whom."),
  },
  uniqueIds(["signers"], "id"),
  uniqueIds(["requirements"], "kind"),
  knownSigners,
  distinctSigners,
  rootsForCertificates,
);

export const signerPolicy: DocumentKind<SignerPolicyDocument> = {
  kind: "SignerPolicy",
  description: "Who may sign which kind of document: signers.yaml in the trust directory.",
  shape: refined(
    object({
      ...envelope("SignerPolicy"),
      metadata: required(metadata, "The document's name."),
      spec: required(spec, "Signers, roots and requirements."),
    }),
    ({ metadata: { name }, spec: { signers, requirements, trustedRoots } }) => ({
      name,
      signers,
      requirements,
      trustedRootFiles: trustedRoots ?? [],
    }),
  ),
};

/** Reads a `SignerPolicy` from its text; `file` is only repeated in problems, which come all at once. */
export function parseSignerPolicy(
  file: string,
  source: string,
): Result<SignerPolicyDocument, readonly DocumentProblem[]> {
  return readDocument(signerPolicy, readYaml(file, source));
}
