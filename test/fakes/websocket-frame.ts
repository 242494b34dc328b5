export interface FrameOptions {
  /** Default 1: text. */
  readonly opcode?: number;
  /** Default true. */
  readonly final?: boolean;
  /** Four octets, as clients must. */
  readonly mask?: Uint8Array;
  /** Of the first octet: bits 4 to 6. */
  readonly reserved?: number;
}

/** One frame (RFC 6455 section 5.2) with the shortest form of its length. */
export function frame(payload: string | Uint8Array, options: FrameOptions = {}): Buffer {
  const { opcode = 1, final = true, mask, reserved = 0 } = options;
  const content = Buffer.from(payload as Uint8Array);
  const { length } = content;
  const form = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + form);
  head[0] = (final ? 0x80 : 0) | reserved | opcode;
  head[1] = (mask === undefined ? 0 : 0x80) | (form === 0 ? length : form === 2 ? 126 : 127);
  if (form === 2) head.writeUInt16BE(length, 2);
  if (form === 8) head.writeBigUInt64BE(BigInt(length), 2);
  if (mask === undefined) return Buffer.concat([head, content]);
  for (let at = 0; at < length; at += 1) content[at] = (content[at] ?? 0) ^ (mask[at % 4] ?? 0);
  return Buffer.concat([head, mask, content]);
}

/** One message in fragments of so many octets. */
export function fragments(payload: string | Uint8Array, size: number, opcode = 1): Buffer {
  const content = Buffer.from(payload as Uint8Array);
  const frames: Buffer[] = [];
  for (let at = 0; at < content.length; at += size) {
    frames.push(
      frame(content.subarray(at, at + size), { opcode: at === 0 ? opcode : 0, final: at + size >= content.length }),
    );
  }
  return Buffer.concat(frames);
}
