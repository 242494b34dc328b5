import { findsForm } from "../../core/credential/leak-pattern.ts";
import type { LeakRules } from "../credentials/known-secrets.ts";

const BACKSLASH = 0x5c;

/** Whether a JSON text holds the credential, however its characters are escaped. */
export function holdsCredential({ secrets, pattern }: LeakRules, octets: Uint8Array): boolean {
  if (secrets.length === 0) return false;
  if (findsForm(pattern, octets)) return true;
  if (!octets.includes(BACKSLASH)) return false;
  const plain = JSON.stringify(
    JSON.parse(Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("utf8")),
  );
  return findsForm(pattern, Buffer.from(plain));
}
