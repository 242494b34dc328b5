import type { DocumentProblem } from "../base/problem.ts";
import type { Result } from "../base/result.ts";
import { didYouMean } from "../document/did-you-mean.ts";
import { type DocumentKind, envelope, readDocument } from "../document/document-kind.ts";
import { entryOf } from "../document/document-node.ts";
import { optional, required } from "../document/field.ts";
import { list } from "../document/list-shape.ts";
import { metadata } from "../document/metadata-shape.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { quoted } from "../document/quoted.ts";
import { readYaml } from "../document/read-yaml.ts";
import { refined } from "../document/refined-shape.ts";
import { idsUnder, uniqueIds } from "../document/unique-ids.ts";
import type { Signer, SignerPolicyDocument } from "./signer-policy.ts";
import { fileName, requirement, signer } from "./signer-shapes.ts";

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
