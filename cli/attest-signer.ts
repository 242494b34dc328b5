import { namedKey } from "../router/core/attest/check-log-head.ts";
import type { Envelope } from "../router/core/attest/envelope.ts";
import { readRunStatement } from "../router/core/attest/read-run-statement.ts";
import type { RunStatement } from "../router/core/attest/run-facts.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import type { VerifierKey } from "../router/core/tlog/verifier-key.ts";
import { isSignedBy } from "../router/edge/audit/dsse-key.ts";
import { sha256 } from "../router/edge/audit/ed25519.ts";
import { type Finding, found } from "./attest-finding.ts";
import type { LogKey } from "./log-key.ts";

export interface Signed {
  readonly statement: RunStatement;
  /** As the statement names it: the one that signed it. */
  readonly key: VerifierKey;
}

/**
 * The statement, and the key that has signed it: one of those given, and then the payload is not looked at before one of
 * them has verified; where none is given, the key that the statement names, which proves nothing about who that is.
 */
export function whoSigned(envelope: Envelope, keys: readonly LogKey[]): Result<Signed, Finding> {
  const signers = keys.filter(({ publicKey }) => isSignedBy(envelope, publicKey));
  if (keys.length > 0 && signers.length === 0) {
    const sentence = "None of the keys that were given has signed this: it is another router's, or was changed.";
    return fail(found("signature", "wrong", "signature_invalid", sentence));
  }
  const statement = readRunStatement(envelope.payload);
  if (!statement.ok) return fail(found("statement", "wrong", statement.problem.code, statement.problem.message));
  const key = namedKey(statement.value.predicate.audit, sha256);
  if (!key.ok) return fail(found("statement", "wrong", key.problem.code, key.problem.message));
  if (keys.length === 0) {
    if (isSignedBy(envelope, key.value.publicKey)) return ok({ statement: statement.value, key: key.value });
    const sentence = "Not even the key that it names has signed this: it was changed, or never signed.";
    return fail(found("signature", "wrong", "signature_invalid", sentence));
  }
  const named = signers.filter((signer) => isSame(signer.publicKey, key.value.publicKey));
  if (named.length === 0) {
    const sentence = "A key that was given has signed this, and the statement names another as its log's key.";
    return fail(found("signature", "wrong", "key_mismatch", sentence));
  }
  if (named.every(({ name }) => name !== undefined && name !== key.value.name)) {
    const sentence =
      "The vkey that was given is the same key by the name of another log: for every log of it, pin its PEM.";
    return fail(found("signature", "wrong", "key_mismatch", sentence));
  }
  return ok({ statement: statement.value, key: key.value });
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.toHex() === other.toHex();
}
