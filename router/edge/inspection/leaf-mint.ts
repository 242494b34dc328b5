import { constants, generateKeyPairSync, randomBytes } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Clock } from "../../core/base/clock.ts";
import type { Millis } from "../../core/base/quantity.ts";
import { commonName, serialNumber } from "../../core/certificate/certificate.ts";
import { hostName } from "../../core/certificate/extensions.ts";
import { leafFields } from "../../core/certificate/profiles.ts";
import { NamePermit } from "../../core/policy/permit.ts";
import { type Authority, BACKDATED, certify, keyIdOf, publicKeyOctets, timeText } from "./authority.ts";

/** Certificates for the hosts whose TLS ends here. */
export interface LeafMint {
  /**
   * What a handshake for the permit's host is served with. Made for hosts that policy lets be inspected and for no
   * others: anything but a permit that says so is a bug of the caller, and throws.
   */
  contextFor(permit: NamePermit): SecureContext;
  /** Leaves that are kept now, and those made so far. */
  readonly kept: number;
  readonly minted: number;
}

export interface LeafMintOptions {
  readonly clock: Clock;
  /** Of one leaf; it ends no later than its CA. */
  readonly lifetime: Millis;
  /** Leaves kept at the same time; the one unused for longest goes first. */
  readonly capacity: number;
}

interface Leaf {
  readonly context: SecureContext;
  /** From then on another one is made. */
  readonly until: number;
}

/** Of a leaf's life, the part at its end in which it is no longer shown. */
const RENEWED_BEFORE = 0.25;

/** One key for all leaves, made here, in memory alone: a leaf costs one signature of the CA. */
export function createLeafMint(authority: Authority, options: LeafMintOptions): LeafMint {
  const { clock, capacity, lifetime } = options;
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = privateKey.export({ type: "pkcs8", format: "pem" });
  const keyId = keyIdOf(publicKey);
  const keyOctets = publicKeyOctets(publicKey);
  /** In the order of their last use. */
  const leaves = new Map<string, Leaf>();
  let minted = 0;

  function mint({ host }: NamePermit): Leaf {
    const now = clock.now();
    const notAfter = Math.min(now + lifetime, authority.notAfter);
    const fields = leafFields({
      serial: serialNumber(randomBytes(16)),
      algorithm: authority.algorithm,
      issuer: authority.name,
      issuerKeyId: authority.keyId,
      // For people: verifiers read the names of the extension.
      subject: commonName(host.text),
      names: [hostName(host)],
      notBefore: timeText(Math.max(now - BACKDATED, authority.notBefore)),
      notAfter: timeText(notAfter),
      publicKey: keyOctets,
      keyId,
    });
    const certificate = certify(fields, authority.key).toString();
    minted += 1;
    return {
      context: createSecureContext({
        cert: `${certificate}${authority.chain}`,
        key,
        minVersion: "TLSv1.2",
        secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_CIPHER_SERVER_PREFERENCE,
      }),
      until: now + (notAfter - now) * (1 - RENEWED_BEFORE),
    };
  }

  return {
    contextFor(permit) {
      if (!NamePermit.isMinted(permit) || !permit.obligations.inspect) {
        throw new TypeError("a leaf is minted for a permit that says inspect");
      }
      const name = permit.host.text;
      const kept = leaves.get(name);
      leaves.delete(name);
      const now = clock.now();
      // A clock that was set back would keep leaves that begin in the future.
      const leaf = kept !== undefined && now < kept.until && now > kept.until - lifetime ? kept : mint(permit);
      leaves.set(name, leaf);
      for (const oldest of leaves.keys()) {
        if (leaves.size <= capacity) break;
        leaves.delete(oldest);
      }
      return leaf.context;
    },
    get kept() {
      return leaves.size;
    },
    get minted() {
      return minted;
    },
  };
}
