import { clientHello } from "./client-hello.ts";
import { FORBIDDEN } from "./attack-origin.ts";

/** What the agent sends into a tunnel whose rule asks for TLS to `door.example`, and how the tunnel ends. */
interface HelloRow {
  readonly name: string;
  readonly octets: Buffer;
  /** `through`: the origin gets exactly these octets. `left`: the agent went away, and it is nobody's fault. */
  readonly outcome:
    | "through"
    | "left"
    | "sni_mismatch"
    | "sni_missing"
    | "ech_not_allowed"
    | "not_tls"
    | "malformed_request";
  /** What the agent does after them; by default it waits. */
  readonly afterwards?: "fin" | "rst";
}

const HOST = "door.example";
const good = clientHello(HOST);
const message = good.subarray(5);
const evil = Buffer.from(`${FORBIDDEN}${"x".repeat(200)}`);

/** The handshake message cut into records of so many octets; the last takes the rest. */
function records(handshake: Uint8Array, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < handshake.length; at += size) parts.push(record(22, handshake.subarray(at, at + size)));
  return Buffer.concat(parts);
}

function record(type: number, fragment: Uint8Array, version = 0x0301): Buffer {
  const head = Buffer.of(type, version >> 8, version & 0xff, fragment.length >> 8, fragment.length & 0xff);
  return Buffer.concat([head, fragment]);
}

/** The hello with one place changed; the place is given as octets that occur once. */
function changed(place: readonly number[], to: readonly number[], hello: Buffer = good): Buffer {
  const copy = Buffer.from(hello);
  const at = copy.indexOf(Buffer.from(place));
  if (at < 0) throw new Error("no such octets in the hello");
  Buffer.from(to).copy(copy, at);
  return copy;
}

const serverName = [0, 0, 0, HOST.length + 5, 0, HOST.length + 3, 0, 0, HOST.length] as const;
const padding = [0, 0x15] as const;
const withEch = (type: number): Buffer => {
  const copy = Buffer.from(good);
  copy.writeUInt16BE(type, copy.lastIndexOf(Buffer.from(padding)));
  return copy;
};

export const attackHellos: readonly HelloRow[] = [
  { name: "the right hello", octets: good, outcome: "through" },
  { name: "capitals", octets: clientHello("DOOR.Example"), outcome: "through" },
  { name: "64 records", octets: records(message, Math.ceil(message.length / 64)), outcome: "through" },
  {
    name: "data behind the hello",
    octets: Buffer.concat([good, record(23, Buffer.alloc(300, 7))]),
    outcome: "through",
  },
  { name: "a second hello in a record of its own", octets: Buffer.concat([good, good]), outcome: "through" },
  { name: "74 records", octets: Buffer.concat([records(message, 7), evil]), outcome: "malformed_request" },
  { name: "records of one octet", octets: Buffer.concat([records(message, 1), evil]), outcome: "malformed_request" },
  {
    name: "two hellos in one record",
    octets: record(22, Buffer.concat([message, clientHello("evil.example").subarray(5)])),
    outcome: "malformed_request",
  },
  {
    name: "an empty record first",
    octets: Buffer.concat([record(22, Buffer.alloc(0)), good, evil]),
    outcome: "not_tls",
  },
  {
    name: "an empty record within",
    octets: Buffer.concat([
      record(22, message.subarray(0, 9)),
      record(22, Buffer.alloc(0)),
      record(22, message.subarray(9)),
      evil,
    ]),
    outcome: "malformed_request",
  },
  {
    name: "an alert within",
    octets: Buffer.concat([
      record(22, message.subarray(0, 9)),
      record(21, Buffer.of(1, 0)),
      record(22, message.subarray(9)),
      evil,
    ]),
    outcome: "malformed_request",
  },
  { name: "an alert first", octets: Buffer.concat([record(21, Buffer.of(1, 0)), good, evil]), outcome: "not_tls" },
  { name: "application data first", octets: Buffer.concat([record(23, evil), good]), outcome: "not_tls" },
  { name: "a ServerHello", octets: record(22, Buffer.concat([Buffer.of(2), message.subarray(1)])), outcome: "not_tls" },
  {
    name: "SSL 2",
    octets: Buffer.concat([Buffer.of(0x80, 46, 1, 3, 1, 0, 21, 0, 0, 0, 16), evil]),
    outcome: "not_tls",
  },
  { name: "DTLS", octets: Buffer.concat([Buffer.of(22, 0xfe, 0xfd), good.subarray(3), evil]), outcome: "not_tls" },
  {
    name: "version 9 of the record",
    octets: Buffer.concat([Buffer.of(22, 9, 1), good.subarray(3)]),
    outcome: "not_tls",
  },
  {
    name: "a record of 65535 octets",
    octets: Buffer.concat([Buffer.of(22, 3, 1, 0xff, 0xff, 1), evil]),
    outcome: "not_tls",
  },
  {
    name: "a message of 16 MB",
    octets: Buffer.concat([Buffer.of(22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff), evil]),
    outcome: "malformed_request",
  },
  {
    name: "plain HTTP",
    octets: Buffer.from(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n${FORBIDDEN}`),
    outcome: "not_tls",
  },
  { name: "SSH", octets: Buffer.from(`SSH-2.0-${FORBIDDEN}\r\n`), outcome: "not_tls" },
  { name: "a NUL", octets: Buffer.concat([Buffer.of(0), evil]), outcome: "not_tls" },
  { name: "another name", octets: Buffer.concat([clientHello("evil.example"), evil]), outcome: "sni_mismatch" },
  { name: "a subdomain", octets: Buffer.concat([clientHello(`a.${HOST}`), evil]), outcome: "sni_mismatch" },
  { name: "the name as a prefix", octets: Buffer.concat([clientHello(`${HOST}.evil`), evil]), outcome: "sni_mismatch" },
  { name: "a trailing dot", octets: Buffer.concat([clientHello(`${HOST}.`), evil]), outcome: "malformed_request" },
  { name: "an address", octets: Buffer.concat([clientHello("127.0.0.1"), evil]), outcome: "malformed_request" },
  { name: "an address in IPv6", octets: Buffer.concat([clientHello("::1"), evil]), outcome: "malformed_request" },
  {
    name: "a NUL in the name",
    octets: Buffer.concat([clientHello(`${HOST}\0.evil`), evil]),
    outcome: "malformed_request",
  },
  {
    name: "white space in the name",
    octets: Buffer.concat([clientHello(`${HOST} `), evil]),
    outcome: "malformed_request",
  },
  {
    name: "a port in the name",
    octets: Buffer.concat([clientHello(`${HOST}:443`), evil]),
    outcome: "malformed_request",
  },
  { name: "an empty name", octets: Buffer.concat([clientHello(""), evil]), outcome: "malformed_request" },
  { name: "no server_name", octets: Buffer.concat([changed(serverName, [0xfa, 0xfa]), evil]), outcome: "sni_missing" },
  {
    name: "no host_name",
    octets: Buffer.concat([changed(serverName, [...serverName.slice(0, 6), 1]), evil]),
    outcome: "malformed_request",
  },
  {
    name: "server_name twice",
    octets: Buffer.concat([changed([0, 0x0a, 0, 4], [0, 0]), evil]),
    outcome: "malformed_request",
  },
  { name: "ECH", octets: Buffer.concat([withEch(0xfe0d), evil]), outcome: "ech_not_allowed" },
  { name: "ECH of an older draft", octets: Buffer.concat([withEch(0xfe0a), evil]), outcome: "ech_not_allowed" },
  { name: "ESNI", octets: Buffer.concat([withEch(0xffce), evil]), outcome: "ech_not_allowed" },
  {
    name: "a message that ends before its record",
    octets: Buffer.concat([good.subarray(0, 8), Buffer.of((good[8] ?? 0) - 1), good.subarray(9), evil]),
    outcome: "malformed_request",
  },
  { name: "half a hello, then silence", octets: good.subarray(0, 100), outcome: "not_tls" },
  { name: "half a hello, then FIN", octets: good.subarray(0, 100), outcome: "not_tls", afterwards: "fin" },
  { name: "half a hello, then RST", octets: good.subarray(0, 100), outcome: "not_tls", afterwards: "rst" },
  { name: "silence", octets: Buffer.alloc(0), outcome: "not_tls" },
  { name: "FIN", octets: Buffer.alloc(0), outcome: "left", afterwards: "fin" },
  { name: "RST", octets: Buffer.alloc(0), outcome: "left", afterwards: "rst" },
  { name: "the right hello and FIN", octets: good, outcome: "through", afterwards: "fin" },
];
