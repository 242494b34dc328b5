import { latin1Octets } from "../fuzz-target.ts";

/** Builds ClientHellos, right and wrong ones: every length can be told a lie by writing the octets out. */

/** An octet string behind its length in `width` octets. */
export function vector(width: 1 | 2 | 3, content: Uint8Array): Uint8Array {
  const length = Buffer.alloc(width);
  length.writeUIntBE(content.length, 0, width);
  return Buffer.concat([length, content]);
}

export function octets(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values);
}

export function extension(type: number, data: Uint8Array): Uint8Array {
  return Buffer.concat([octets(type >> 8, type & 0xff), vector(2, data)]);
}

/** A server_name extension with entries of any type. */
export function serverName(...names: readonly (string | readonly [type: number, name: string])[]): Uint8Array {
  const entries = names.map((name) => {
    const [type, text] = typeof name === "string" ? [0, name] : name;
    return Buffer.concat([octets(type), vector(2, latin1Octets(text))]);
  });
  return extension(0, vector(2, Buffer.concat(entries)));
}

export function alpn(...protocols: readonly string[]): Uint8Array {
  return extension(16, vector(2, Buffer.concat(protocols.map((protocol) => vector(1, latin1Octets(protocol))))));
}

export interface HelloParts {
  readonly version?: number;
  readonly sessionId?: Uint8Array;
  readonly cipherSuites?: Uint8Array;
  readonly compressionMethods?: Uint8Array;
  /** Undefined: a hello from before extensions. */
  readonly extensions?: readonly Uint8Array[] | undefined;
  /** After the last part. */
  readonly trailing?: Uint8Array;
}

/** The handshake message: type, length, body. */
export function clientHello(parts: HelloParts): Uint8Array {
  const version = parts.version ?? 0x0303;
  const body = Buffer.concat([
    octets(version >> 8, version & 0xff),
    new Uint8Array(32).fill(0x5a),
    vector(1, parts.sessionId ?? new Uint8Array(32)),
    vector(2, parts.cipherSuites ?? octets(0x13, 0x01, 0x13, 0x02, 0xc0, 0x2f)),
    vector(1, parts.compressionMethods ?? octets(0)),
    parts.extensions === undefined ? new Uint8Array() : vector(2, Buffer.concat([...parts.extensions])),
    parts.trailing ?? new Uint8Array(),
  ]);
  return Buffer.concat([octets(1), vector(3, body)]);
}

/** A message in records of at most `most` octets each. */
export function records(message: Uint8Array, most = 16_384): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < message.length; at += most) {
    parts.push(octets(22, 3, 1), vector(2, message.subarray(at, at + most)));
  }
  return Buffer.concat(parts);
}
