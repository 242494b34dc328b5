/** A document as somebody handed it to us: nothing in it may be believed, its kind included. */
export interface UnverifiedDocument {
  /** The kind it claims. It decides whose signature is asked for, so whoever parses the document must hold it to this kind. */
  readonly kind: string;
  /** Its name in messages. */
  readonly file: string;
  readonly bytes: Uint8Array;
  /** The content of `<file>.sigstore.json`; undefined where there is no such file. */
  readonly bundle: Uint8Array | undefined;
}

interface VerifiedFields {
  readonly kind: string;
  readonly file: string;
  readonly text: string;
  readonly digest: string;
  readonly signers: readonly string[];
}

/**
 * A document whose signatures satisfied the trust directory, or that it allows unsigned: made by
 * `verifyDocument` and by nothing else. It says who signed, not that the document is new or for us
 * (`core/policy/freshness.ts`).
 */
export class Verified {
  readonly #minted = true;
  readonly kind: string;
  readonly file: string;
  /** Exactly the octets that were verified, decoded from strict UTF-8: a string, so nobody can change it afterwards. */
  readonly text: string;
  /** `sha256:` and 64 hex digits, over those octets. */
  readonly digest: string;
  /** The ids of the signers that counted, in the order of the alphabet; empty only for what may be unsigned. */
  readonly signers: readonly string[];

  constructor(fields: VerifiedFields) {
    this.kind = fields.kind;
    this.file = fields.file;
    this.text = fields.text;
    this.digest = fields.digest;
    this.signers = Object.freeze([...fields.signers]);
    Object.freeze(this);
  }

  /** False for anything that no constructor made, whatever its shape. */
  static isMinted(value: unknown): value is Verified {
    return typeof value === "object" && value !== null && #minted in value && value.#minted;
  }
}
