/** Who may sign which kind of document. Parsed from `signers.yaml` in the trust directory. */
export type Signer =
  | {
      readonly id: string;
      readonly kind: "key";
      /** Path of a PEM public key, relative to the trust directory. */ readonly publicKeyFile: string;
    }
  | {
      readonly id: string;
      readonly kind: "certificate";
      /** Exact subject alternative name, or an anchored RE2-class pattern (`^...$`). */
      readonly identity: TextMatch;
      readonly issuer: TextMatch;
    };

export type TextMatch = { readonly exact: string } | { readonly pattern: string };

export interface SigningRequirement {
  /** The document kind, e.g. `EgressPolicy`. */
  readonly documentKind: string;
  /** False only where the operator wrote `unsigned: allow` (development). */
  readonly required: boolean;
  /** Ids of signers; never empty where `required`. */
  readonly signers: readonly string[];
  /** How many distinct signers of those must have signed; at least 1. */
  readonly threshold: number;
}

export interface SignerPolicyDocument {
  readonly name: string;
  readonly signers: readonly Signer[];
  readonly requirements: readonly SigningRequirement[];
  /** Pinned Sigstore trust roots, relative to the trust directory; needed for certificate signers. */
  readonly trustedRootFiles: readonly string[];
}
