import type { Host } from "../wire/host.ts";
import { addressOctets } from "../wire/ip-address.ts";
import * as der from "./der.ts";

/** RFC 5280 section 4.2; each function writes one extension. */
const OID = {
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
} as const;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

/** `pathlen:0`: an authority that vouches for leaves alone. */
export function authorityConstraints(): der.Der {
  const content = der.sequence(der.boolean(true), der.integer(Uint8Array.of(0)));
  return extension(OID.basicConstraints, true, content);
}

export function leafConstraints(): der.Der {
  return extension(OID.basicConstraints, true, der.sequence());
}

/** keyCertSign alone: bit 5. */
export function signsCertificates(): der.Der {
  return extension(OID.keyUsage, true, der.bitString(Uint8Array.of(0b0000_0100), 2));
}

/** digitalSignature alone: bit 0. */
export function signsHandshakes(): der.Der {
  return extension(OID.keyUsage, true, der.bitString(Uint8Array.of(0b1000_0000), 7));
}

export function forServers(): der.Der {
  return extension(OID.extendedKeyUsage, false, der.sequence(der.objectId(SERVER_AUTH)));
}

/** `names` from `dnsName` and `hostName`. */
export function forNames(names: readonly der.Der[]): der.Der {
  return extension(OID.subjectAltName, false, der.sequence(...names));
}

/** A GeneralName: `[2]`. */
export function dnsName(name: string): der.Der {
  return der.implicit(2, der.asciiOctets(name));
}

/** A name, or an address: `[7]`, 4 or 16 octets. */
export function hostName(host: Host): der.Der {
  return host.kind === "name" ? dnsName(host.text) : der.implicit(7, addressOctets(host.text));
}

export function subjectKey(id: Uint8Array): der.Der {
  return extension(OID.subjectKeyIdentifier, false, der.octetString(id));
}

export function authorityKey(id: Uint8Array): der.Der {
  return extension(OID.authorityKeyIdentifier, false, der.sequence(der.implicit(0, id)));
}

function extension(id: string, critical: boolean, value: der.Der): der.Der {
  const parts = critical ? [der.boolean(true)] : [];
  return der.sequence(der.objectId(id), ...parts, der.octetString(value));
}
