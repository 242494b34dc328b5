import { isKeyName } from "./signed-note.ts";
import { parseVerifierKey, type Sha256, type VerifierKey, verifierKey } from "./verifier-key.ts";

/** Whose checkpoints a witness looks at. Absence denies: an origin that nothing here covers is unknown. */
export interface LogTrust {
  /** By origin, the keys of logs named one by one; several while a log changes its key. */
  readonly named: ReadonlyMap<string, readonly VerifierKey[]>;
  /** Every origin that begins with `prefix` is a log signed by this one key, under the origin as its name. */
  readonly shared: { readonly prefix: string; readonly publicKey: Uint8Array } | undefined;
  /** An unknown origin that begins with one of these may bring its key, which is then the only one for ever. */
  readonly enroll: readonly string[];
}

/** `named`, `shared`: by the operator. `pinned`: brought by the log once. `enrolled`: brought by it just now. */
export interface TrustedKeys {
  readonly by: "named" | "shared" | "pinned" | "enrolled";
  readonly keys: readonly VerifierKey[];
}

/**
 * The keys that count for an origin; undefined where it is unknown. `pinned` is the key that it was enrolled with, and
 * `offered` what the request brings, a verifier key in text: of use only where nothing else covers the origin, since
 * whoever sends it is nobody yet.
 */
export function trustedKeys(
  trust: LogTrust,
  origin: string,
  pinned: VerifierKey | undefined,
  offered: string | undefined,
  sha256: Sha256,
): TrustedKeys | undefined {
  const named = trust.named.get(origin);
  if (named !== undefined) return { by: "named", keys: named };
  if (pinned !== undefined) return { by: "pinned", keys: [pinned] };
  const { shared } = trust;
  if (shared !== undefined && origin.startsWith(shared.prefix)) {
    if (!isKeyName(origin)) return undefined;
    return { by: "shared", keys: [verifierKey(origin, "ed25519", shared.publicKey, sha256)] };
  }
  if (offered === undefined || !trust.enroll.some((prefix) => origin.startsWith(prefix))) return undefined;
  const key = parseVerifierKey(offered, sha256);
  return key?.name === origin && key.algorithm === "ed25519" ? { by: "enrolled", keys: [key] } : undefined;
}
