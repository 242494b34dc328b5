import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { privateKeyFromPem } from "../../edge/audit/ed25519.ts";
import { readRegularFile } from "../../edge/sources/regular-file.ts";

/** Who this agent is to its peers: an Ed25519 key. */
export interface AgentIdentity {
  /** The key's JWK thumbprint (RFC 7638). */
  readonly kid: string;
  /** As a peer's policy pins it: SubjectPublicKeyInfo, DER, in base64. */
  readonly spki: string;
  /** Made at boot: it ends with the process, so that nobody can pin it for long. */
  readonly passing: boolean;
  /** Ed25519 (RFC 8037: `EdDSA`) over the text's octets, in base64url. */
  sign(text: string): string;
}

const MOST_OCTETS = 64 * 1024;

/** A sentence where a key file is named and holds no private Ed25519 key (PKCS#8 PEM): another key would be another agent. */
export async function agentIdentity(keyFile: string | undefined): Promise<Result<AgentIdentity, string>> {
  if (keyFile === undefined) return ok(identityOf(generateKeyPairSync("ed25519").privateKey, true));
  const read = await readRegularFile(keyFile, MOST_OCTETS);
  if (!read.ok) return fail(`${keyFile}: the key cannot be read (${read.problem.kind}).`);
  const key = privateKeyFromPem(read.value.bytes.toString("latin1"));
  return key.ok ? ok(identityOf(key.value, false)) : fail(`${keyFile}: ${key.problem}`);
}

function identityOf(key: KeyObject, passing: boolean): AgentIdentity {
  const publicKey = createPublicKey(key);
  const { x = "" } = publicKey.export({ format: "jwk" });
  return {
    kid: createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest("base64url"),
    spki: publicKey.export({ format: "der", type: "spki" }).toString("base64"),
    passing,
    sign: (text) => sign(undefined, Buffer.from(text), key).toString("base64url"),
  };
}
