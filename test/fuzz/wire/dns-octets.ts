/** Messages octet by octet, for tests: nothing here knows the router's own writer. */
export function uint16(value: number): number[] {
  return [(value >> 8) & 0xff, value & 0xff];
}

export function uint32(value: number): number[] {
  return [...uint16(value >>> 16), ...uint16(value & 0xffff)];
}

/** `a.example` as labels, without compression; the empty text is the root. */
export function nameOctets(name: string): number[] {
  const labels = name === "" ? [] : name.split(".");
  return [...labels.flatMap((label) => [label.length, ...Buffer.from(label, "latin1")]), 0];
}

export function questionOctets(name: string, type = 1, recordClass = 1): number[] {
  return [...nameOctets(name), ...uint16(type), ...uint16(recordClass)];
}

export interface RecordOctets {
  /** A name, or octets as they are: a pointer, say. */
  readonly owner: string | readonly number[];
  readonly type: number;
  readonly recordClass?: number;
  readonly ttl?: number;
  readonly data: readonly number[];
  /** Where it lies about its data. */
  readonly length?: number;
}

export function recordOctets({ owner, type, recordClass = 1, ttl = 60, data, length }: RecordOctets): number[] {
  const name = typeof owner === "string" ? nameOctets(owner) : owner;
  return [...name, ...uint16(type), ...uint16(recordClass), ...uint32(ttl), ...uint16(length ?? data.length), ...data];
}

/** An OPT record: options are octets as they are. */
export function optOctets(size = 1_232, options: readonly number[] = [], ttl = 0): number[] {
  return recordOctets({ owner: "", type: 41, recordClass: size, ttl, data: options });
}

export interface MessageOctets {
  readonly id?: number;
  readonly flags?: number;
  readonly counts?: readonly [number, number, number, number];
  /** What stands behind the header. */
  readonly body: readonly number[];
}

export function messageOctets({ id = 0x1234, flags = 0x0100, counts = [1, 0, 0, 0], body }: MessageOctets): Uint8Array {
  return Uint8Array.from([...uint16(id), ...uint16(flags), ...counts.flatMap(uint16), ...body]);
}

/** What a stub resolver sends for A of a name. */
export function queryOctets(name: string, type = 1, id = 0x1234): Uint8Array {
  return messageOctets({ id, body: questionOctets(name, type) });
}

/** The same with an OPT record. */
export function ednsQueryOctets(name: string, type = 1, size = 1_232): Uint8Array {
  return messageOctets({ counts: [1, 0, 0, 1], body: [...questionOctets(name, type), ...optOctets(size)] });
}

/** To where a question's name stands in every message. */
export const TO_QUESTION = [0xc0, 12] as const;
