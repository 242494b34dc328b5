import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { fail, ok, type Result } from "../core/base/result.ts";
import type { CheckpointConfig, RedactConfig } from "../core/config/router-config.ts";
import { privateKeyFromPem } from "../edge/audit/ed25519.ts";
import { createRedactor, redactedText, type Redactor } from "../edge/audit/redactor.ts";
import type { HiddenFacts } from "../edge/log/log.ts";
import { readRegularFile } from "../edge/sources/regular-file.ts";

const MAXIMUM_KEY_FILE = 64 * 1024;
const LEAST_REDACT_KEY = 16;

/** The key that signs the log's heads: the mounted one, or one that ends with this process. */
export async function checkpointKey({ keyFile }: CheckpointConfig): Promise<Result<KeyObject, string>> {
  if (keyFile === undefined) return ok(generateKeyPairSync("ed25519").privateKey);
  const octets = await keyOctets(keyFile);
  if (!octets.ok) return octets;
  const key = privateKeyFromPem(Buffer.from(octets.value).toString("latin1"));
  return key.ok ? key : fail(`${keyFile}: ${key.problem}`);
}

export interface Hiding {
  readonly redact: Redactor;
  /** The same for the sidecar's own log, which stands on a disk too. */
  readonly facts: HiddenFacts;
}

/** Details that hold addresses: one of them in clear would tell what another hides. */
const ADDRESSES = ["detail.address", "detail.addresses", "detail.refusedAddresses"];
/** A sentence on what went wrong, which may name host or address. */
const SENTENCE = "detail.detail";

/** Undefined where nothing is to be hidden. */
export async function hidingOf({ fields, keyFile }: RedactConfig): Promise<Result<Hiding | undefined, string>> {
  if (fields.length === 0 || keyFile === undefined) return ok(undefined);
  const octets = await keyOctets(keyFile);
  if (!octets.ok) return octets;
  if (octets.value.length < LEAST_REDACT_KEY) {
    return fail(`${keyFile}: the key has ${octets.value.length} octets; at least ${LEAST_REDACT_KEY} are needed.`);
  }
  const hide = (text: string): string => redactedText(text, octets.value);
  const hidesTarget = fields.includes("target");
  const hidesAddress = ADDRESSES.some((field) => fields.includes(field));
  const implied = [...(hidesAddress ? ADDRESSES : []), ...(hidesTarget || hidesAddress ? [SENTENCE] : [])];
  const facts = { target: hidesTarget ? hide : undefined, address: hidesAddress ? hide : undefined };
  return ok({ redact: createRedactor([...new Set([...fields, ...implied])], octets.value), facts });
}

async function keyOctets(file: string): Promise<Result<Uint8Array, string>> {
  const read = await readRegularFile(file, MAXIMUM_KEY_FILE);
  if (read.ok) return ok(read.value.bytes);
  const { problem } = read;
  const why = problem.kind === "unreadable" ? problem.code : WHY[problem.kind];
  return fail(`${file}: the key cannot be read (${why}).`);
}

const WHY = { moved: "it is not there", not_a_file: "it is no regular file", too_large: "it is too large" } as const;
