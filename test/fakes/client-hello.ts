/** A TLS 1.3 ClientHello of the size that curl sends (517 octets), naming `host`. */
export function clientHello(host: string): Buffer {
  const name = Buffer.from(host, "latin1");
  const extension = (type: number, body: Buffer): Buffer => Buffer.concat([u16(type), u16(body.length), body]);
  const extensions = [
    extension(0x0000, Buffer.concat([u16(name.length + 3), Buffer.of(0), u16(name.length), name])),
    extension(0x000a, Buffer.concat([u16(2), u16(0x001d)])),
    extension(0x000d, Buffer.concat([u16(4), u16(0x0403), u16(0x0804)])),
    extension(0x002b, Buffer.of(2, 3, 4)),
    extension(0x0033, Buffer.concat([u16(36), u16(0x001d), u16(32), Buffer.alloc(32, 7)])),
  ];
  const fixed = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(32, 1),
    Buffer.of(32),
    Buffer.alloc(32, 2),
    u16(4),
    u16(0x1301),
    u16(0x1302),
    Buffer.of(1, 0),
  ]);
  const used = 5 + 4 + fixed.length + 2 + extensions.reduce((sum, part) => sum + part.length, 0);
  if (used + 4 < 517) extensions.push(extension(0x0015, Buffer.alloc(517 - used - 4)));
  const list = Buffer.concat(extensions);
  const body = Buffer.concat([fixed, u16(list.length), list]);
  const handshake = Buffer.concat([Buffer.of(1, 0), u16(body.length), body]);
  return Buffer.concat([Buffer.of(22, 3, 1), u16(handshake.length), handshake]);
}

function u16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff);
}
