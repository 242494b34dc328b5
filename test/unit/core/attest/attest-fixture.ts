/** What the tests of attestations share: a router's facts, its key, and bundles to be bent. */
import assert from "node:assert/strict";
import { createHash, createPrivateKey, type KeyObject } from "node:crypto";
import { attestationBundle } from "../../../../router/core/attest/attestation-bundle.ts";
import type { RunFacts } from "../../../../router/core/attest/run-facts.ts";
import { runStatement } from "../../../../router/core/attest/run-statement.ts";
import { checkpointText } from "../../../../router/core/tlog/checkpoint.ts";
import { formatSignedNote } from "../../../../router/core/tlog/signed-note.ts";
import { formatVerifierKey } from "../../../../router/core/tlog/verifier-key.ts";
import { keyHint, octetSigner } from "../../../../router/edge/audit/dsse-key.ts";
import { type NoteSigner, signerFromPrivateKey } from "../../../../router/edge/audit/ed25519.ts";

const PKCS8_HEAD = "302e020100300506032b657004220420";

/** The Ed25519 key of a seed of 32 octets in hex. */
export function keyOfSeed(seed: string): KeyObject {
  return createPrivateKey({ key: Buffer.from(PKCS8_HEAD + seed, "hex"), format: "der", type: "pkcs8" });
}

export const STREAM = "a".repeat(32);
export const ORIGIN = `sluice.dev/audit/research/agent-7/${STREAM}`;
export const POLICY = "kind: EgressPolicy\n";

export interface TestRouter {
  readonly privateKey: KeyObject;
  readonly signer: NoteSigner;
  /** Of the key and the log's name. */
  readonly vkey: string;
  readonly sign: (octets: Uint8Array) => Uint8Array;
  readonly hint: string;
  checkpoint(size: number, root?: string): string;
  facts(changes?: Partial<RunFacts>): RunFacts;
  bundle(changes?: Partial<RunFacts>): string;
}

/** A router with a key of its own; the same seed is the same router. */
export function testRouter(seed = "a1".repeat(32), origin = ORIGIN): TestRouter {
  const privateKey = keyOfSeed(seed);
  const signer = signerFromPrivateKey(origin, privateKey);
  const vkey = formatVerifierKey(signer.key);
  const router: TestRouter = {
    privateKey,
    signer,
    vkey,
    sign: octetSigner(privateKey),
    hint: keyHint(signer.key.publicKey),
    checkpoint(size, root = rootOf(size)) {
      const text = checkpointText({ origin, size, root });
      return formatSignedNote(text, [signer.sign(text)]);
    },
    facts: (changes = {}) => ({ ...baseFacts(router), ...changes }),
    bundle(changes) {
      return attestationBundle(statementOf(router.facts(changes)), router.sign, router.hint);
    },
  };
  return router;
}

export const rootOf = (size: number): string => sha256Hex(`root ${size}`);

export const sha256Hex = (octets: string | Uint8Array): string => createHash("sha256").update(octets).digest("hex");

export function statementOf(facts: RunFacts): Uint8Array {
  const statement = runStatement(facts);
  assert.ok(statement.ok, JSON.stringify(statement));
  return statement.value;
}

function baseFacts({ vkey, checkpoint }: TestRouter): RunFacts {
  return {
    router: {
      version: "0.1.0",
      node: "26.10.0",
      image: { name: "reg.example/sluice", digest: `sha256:${"9".repeat(64)}` },
    },
    identity: { namespace: "research", pod: "agent-7", agent: "research-agent" },
    policies: [
      {
        kind: "EgressPolicy",
        name: "research-agent",
        version: 7,
        digest: `sha256:${sha256Hex(POLICY)}`,
        signers: ["release"],
        loadedAt: "2026-11-21T02:00:01.000Z",
      },
    ],
    audit: {
      origin: ORIGIN,
      stream: STREAM,
      size: 12,
      root: rootOf(12),
      checkpoint: checkpoint(12),
      key: vkey,
      mode: "strict",
    },
    guard: { expected: true, proved: true, uid: 1000, families: ["ipv4", "ipv6"] },
    budgets: [],
    configuration: `sha256:${"c".repeat(64)}`,
    startedAt: "2026-11-21T02:00:00.000Z",
    madeAt: "2026-11-21T02:10:00.000Z",
  };
}

/** A bundle of any payload, of any type, signed as asked. */
export function bundleOf(
  payload: string | Uint8Array,
  sign: (octets: Uint8Array) => Uint8Array,
  envelope: Readonly<Record<string, unknown>> = {},
): string {
  const octets = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const bundle = JSON.parse(attestationBundle(octets, sign, "")) as { dsseEnvelope: object };
  return JSON.stringify({ ...bundle, dsseEnvelope: { ...bundle.dsseEnvelope, ...envelope } });
}
