/**
 * A certificate authority, a timestamp authority and a Rekor v2 log of our own, in memory: they make bundles
 * that no public instance would sign, so that every trap has a bundle that falls into it.
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { bits, integer, octets, oid, sequence, set, time, tlv, utf8, yes } from "./der.ts";

const ECDSA_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));
const SHA256 = sequence(oid("2.16.840.1.101.3.4.2.1"));
const NOT_BEFORE = new Date("2026-01-01T00:00:00Z");
const NOT_AFTER = new Date("2036-01-01T00:00:00Z");
/** When everything here was signed, unless a test says otherwise. */
export const SIGNED_AT = new Date("2026-11-20T00:00:00Z");

export const uri = (text: string) => tlv(0x86, Buffer.from(text, "latin1"));
export const mail = (text: string) => tlv(0x81, Buffer.from(text, "latin1"));
export const issuerV1 = (text: string) => extension("1.3.6.1.4.1.57264.1.1", Buffer.from(text));
export const issuerV2 = (text: string) => extension("1.3.6.1.4.1.57264.1.8", utf8(text));
const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";

interface Certificate {
  readonly der: Buffer;
  readonly name: Buffer;
  readonly serial: number;
  readonly privateKey: KeyObject;
}

export interface LeafOptions {
  readonly names?: readonly Buffer[];
  readonly issuers?: readonly Buffer[];
  readonly usage?: string | undefined;
  readonly ca?: boolean;
}

export interface BundleOptions {
  /** An in-toto statement instead of a message signature. */
  readonly statement?: string;
  readonly payloadType?: string;
  readonly signedAt?: Date;
  readonly withLog?: boolean;
  readonly withTimestamp?: boolean;
}

export class PrivateSigstore {
  readonly #authority: Certificate;
  readonly #stamps: Certificate;
  readonly #stampsRoot: Certificate;
  readonly #log = generateKeyPairSync("ec", { namedCurve: "P-256" });
  #serial = 10;

  constructor() {
    this.#authority = certificate({ subject: "private fulcio", serial: 1, ca: true });
    this.#stampsRoot = certificate({ subject: "private tsa root", serial: 2, ca: true });
    const usage = "1.3.6.1.5.5.7.3.8";
    this.#stamps = certificate({
      subject: "private tsa",
      serial: 3,
      signer: this.#stampsRoot,
      extensions: [extendedUsage(usage)],
    });
  }

  /** A `trusted_root.json` with all services, or with those that are named. */
  trustedRoot(parts: readonly ("log" | "timestamps")[] = ["log", "timestamps"]) {
    const validFor = { start: NOT_BEFORE.toISOString() };
    const chain = (...certificates: readonly Certificate[]) => ({
      subject: { organization: "private", commonName: "private" },
      uri: "https://private.test",
      certChain: { certificates: certificates.map(({ der }) => ({ rawBytes: der.toString("base64") })) },
      validFor,
    });
    const spki = this.#log.publicKey.export({ type: "spki", format: "der" });
    const log = {
      baseUrl: "https://rekor.test",
      hashAlgorithm: "SHA2_256",
      publicKey: { rawBytes: spki.toString("base64"), keyDetails: "PKIX_ECDSA_P256_SHA_256", validFor },
      logId: { keyId: this.#logId().toString("base64") },
    };
    return {
      mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
      certificateAuthorities: [chain(this.#authority)],
      tlogs: parts.includes("log") ? [log] : [],
      timestampAuthorities: parts.includes("timestamps") ? [chain(this.#stamps, this.#stampsRoot)] : [],
    };
  }

  /** A signing certificate with a key of its own. */
  leaf({ names, issuers, usage, ca = false }: LeafOptions = {}): Certificate {
    this.#serial += 1;
    const alternatives = names ?? [uri("https://ci.test/release")];
    return certificate({
      subject: "",
      serial: this.#serial,
      signer: this.#authority,
      ca,
      extensions: [
        ...(usage === "" ? [] : [extendedUsage(usage ?? CODE_SIGNING)]),
        ...(alternatives.length === 0 ? [] : [extension("2.5.29.17", sequence(...alternatives))]),
        ...(issuers ?? [issuerV1("https://issuer.test"), issuerV2("https://issuer.test")]),
      ],
    });
  }

  /** A bundle v0.3 over the document, as JSON to be bent. */
  bundle(leaf: Certificate, document: Uint8Array, options: BundleOptions = {}) {
    const { statement, payloadType = "application/vnd.in-toto+json", signedAt = SIGNED_AT } = options;
    const payload = Buffer.from(statement ?? "");
    const signed = statement === undefined ? Buffer.from(document) : preAuthenticationEncoding(payloadType, payload);
    const digest = sha256(signed).toString("base64");
    const signature = sign("sha256", signed, leaf.privateKey);
    const content =
      statement === undefined
        ? {
            messageSignature: {
              messageDigest: { algorithm: "SHA2_256", digest },
              signature: signature.toString("base64"),
            },
          }
        : {
            dsseEnvelope: {
              payload: payload.toString("base64"),
              payloadType,
              signatures: [{ sig: signature.toString("base64") }],
            },
          };
    return {
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: {
        certificate: { rawBytes: leaf.der.toString("base64") },
        tlogEntries: options.withLog === false ? [] : [this.#logEntry(digest, signature, leaf)],
        timestampVerificationData: {
          rfc3161Timestamps:
            options.withTimestamp === false
              ? []
              : [{ signedTimestamp: this.#timestamp(signature, signedAt).toString("base64") }],
        },
      },
      ...content,
    };
  }

  #logId(): Buffer {
    return sha256(this.#log.publicKey.export({ type: "spki", format: "der" }));
  }

  /** The only entry of a log of its own: its leaf hash is the root. */
  #logEntry(digest: string, signature: Buffer, leaf: Certificate) {
    const verifier = {
      keyDetails: "PKIX_ECDSA_P256_SHA_256",
      x509Certificate: { rawBytes: leaf.der.toString("base64") },
    };
    const data = { algorithm: "SHA2_256", digest };
    const spec = { hashedRekordV002: { data, signature: { content: signature.toString("base64"), verifier } } };
    const body = Buffer.from(JSON.stringify({ apiVersion: "0.0.2", kind: "hashedrekord", spec }));
    const rootHash = sha256(Buffer.concat([Buffer.from([0]), body])).toString("base64");
    const note = `rekor.test\n1\n${rootHash}\n`;
    const proof = Buffer.concat([
      this.#logId().subarray(0, 4),
      sign("sha256", Buffer.from(note), this.#log.privateKey),
    ]);
    return {
      logIndex: "0",
      logId: { keyId: this.#logId().toString("base64") },
      kindVersion: { kind: "hashedrekord", version: "0.0.2" },
      integratedTime: "0",
      inclusionProof: {
        logIndex: "0",
        rootHash,
        treeSize: "1",
        hashes: [],
        checkpoint: { envelope: `${note}\n\u2014 rekor.test ${proof.toString("base64")}\n` },
      },
      canonicalizedBody: body.toString("base64"),
    };
  }

  /** RFC 3161 TimeStampResp over the signature (RFC 5652 SignedData with one signer). */
  #timestamp(signature: Buffer, at: Date): Buffer {
    const info = sequence(
      integer(1),
      oid("1.3.6.1.4.1.57264.2"),
      sequence(SHA256, octets(sha256(signature))),
      integer(7),
      time(at),
    );
    const attributes = [
      sequence(oid("1.2.840.113549.1.9.3"), set(oid("1.2.840.113549.1.9.16.1.4"))),
      sequence(oid("1.2.840.113549.1.9.4"), set(octets(sha256(info)))),
    ];
    const { serial, privateKey } = this.#stamps;
    const signer = sequence(
      integer(1),
      sequence(this.#stampsRoot.name, integer(serial)),
      SHA256,
      tlv(0xa0, ...attributes),
      ECDSA_SHA256,
      octets(sign("sha256", set(...attributes), privateKey)),
    );
    const signedData = sequence(
      integer(3),
      set(SHA256),
      sequence(oid("1.2.840.113549.1.9.16.1.4"), tlv(0xa0, octets(info))),
      set(signer),
    );
    return sequence(sequence(integer(0)), sequence(oid("1.2.840.113549.1.7.2"), tlv(0xa0, signedData)));
  }
}

interface CertificateOptions {
  readonly subject: string;
  readonly serial: number;
  readonly signer?: Certificate;
  readonly ca?: boolean;
  readonly extensions?: readonly Buffer[];
}

function certificate({ subject, serial, signer, ca = false, extensions = [] }: CertificateOptions): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = subject === "" ? sequence() : sequence(set(sequence(oid("2.5.4.3"), utf8(subject))));
  const constraints = extension("2.5.29.19", ca ? sequence(yes()) : sequence(), true);
  const all = [constraints, ...extensions];
  const body = sequence(
    tlv(0xa0, integer(2)),
    integer(serial),
    ECDSA_SHA256,
    signer?.name ?? name,
    sequence(time(NOT_BEFORE), time(NOT_AFTER)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, sequence(...all)),
  );
  const signature = sign("sha256", body, signer?.privateKey ?? privateKey);
  return { der: sequence(body, ECDSA_SHA256, bits(signature)), name, serial, privateKey };
}

function extension(id: string, content: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [yes()] : []), octets(content));
}

function extendedUsage(id: string): Buffer {
  return extension("2.5.29.37", sequence(oid(id)));
}

function sha256(content: Uint8Array): Buffer {
  return createHash("sha256").update(content).digest();
}

function preAuthenticationEncoding(payloadType: string, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `), payload]);
}
