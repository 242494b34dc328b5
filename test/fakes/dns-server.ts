import { createSocket } from "node:dgram";
import { createServer, type Socket } from "node:net";
import { addressOctets, parseIpAddress } from "../../router/core/wire/ip-address.ts";

export type RecordType = "A" | "AAAA";

/** What the server says to one question. An empty list is NODATA. */
export interface DnsScript {
  readonly addresses?: readonly string[];
  /** Seconds; default 60. */
  readonly ttl?: number;
  readonly failure?: "NXDOMAIN" | "SERVFAIL" | "REFUSED" | "silence" | "garbage" | "wrong id";
  readonly delayMillis?: number;
  /** Over UDP only a truncated header comes; the answer is to be fetched over TCP. */
  readonly truncated?: boolean;
  /** The records stand behind a CNAME to this name. */
  readonly alias?: string;
  /** Answers the first so many questions with silence. */
  readonly silentFirst?: number;
}

export interface FakeDns {
  /** `127.0.0.1:port`. */
  readonly server: string;
  /** Every question, in order: `udp A name`. */
  readonly questions: readonly string[];
  close(): Promise<void>;
}

const TYPES: Readonly<Record<RecordType, number>> = { A: 1, AAAA: 28 };
const RCODES: Readonly<Record<string, number>> = { NXDOMAIN: 3, SERVFAIL: 2, REFUSED: 5 };

/** A DNS server on loopback that fails on any question its script does not have: it answers REFUSED and remembers. */
export async function fakeDns(script: Readonly<Record<string, DnsScript>>): Promise<FakeDns> {
  const questions: string[] = [];
  const timers = new Set<NodeJS.Timeout>();
  const sockets = new Set<Socket>();
  const asked = new Map<string, number>();

  function handle(query: Buffer, over: "udp" | "tcp", send: (answer: Buffer) => void): void {
    const question = readQuestion(query);
    const key = `${question.type} ${question.name}`;
    questions.push(`${over} ${key}`);
    const count = (asked.get(key) ?? 0) + 1;
    asked.set(key, count);
    const said = script[key] ?? { failure: "REFUSED" };
    if (said.failure === "silence" || count <= (said.silentFirst ?? 0)) return;
    const answer = encode(query, question, said, over);
    if (said.delayMillis === undefined) return send(answer);
    const timer = setTimeout(() => {
      timers.delete(timer);
      send(answer);
    }, said.delayMillis);
    timers.add(timer);
  }

  const tcp = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => undefined);
    let held = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const end = 2 + held.readUInt16BE(0);
        const query = held.subarray(2, end);
        held = held.subarray(end);
        handle(query, "tcp", (answer) => socket.write(Buffer.concat([uint16(answer.length), answer])));
      }
    });
  });
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  const address = tcp.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const udp = createSocket("udp4");
  udp.on("message", (query, from) => handle(query, "udp", (answer) => udp.send(answer, from.port, from.address)));
  await new Promise<void>((resolve) => udp.bind(address.port, "127.0.0.1", resolve));

  return {
    server: `127.0.0.1:${address.port}`,
    questions,
    async close() {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => udp.close(() => resolve()));
      await new Promise<void>((resolve) => tcp.close(() => resolve()));
    },
  };
}

interface Question {
  readonly name: string;
  readonly type: RecordType;
  /** Where the question section ends. */
  readonly end: number;
}

function readQuestion(query: Buffer): Question {
  const labels: string[] = [];
  let at = 12;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const number = query.readUInt16BE(at + 1);
  const type = number === TYPES.A ? "A" : number === TYPES.AAAA ? "AAAA" : undefined;
  if (type === undefined) throw new Error(`a question of type ${number}`);
  return { name: labels.join(".").toLowerCase(), type, end: at + 5 };
}

function encode(query: Buffer, question: Question, said: DnsScript, over: "udp" | "tcp"): Buffer {
  if (said.failure === "garbage") return Buffer.concat([query.subarray(0, 2), Buffer.alloc(20, 0xc0)]);
  const rcode = RCODES[said.failure ?? ""] ?? 0;
  const truncated = said.truncated === true && over === "udp";
  const addresses = rcode !== 0 || truncated ? [] : (said.addresses ?? []);
  const owner = said.alias === undefined ? uint16(0xc00c) : nameOctets(said.alias);
  const records = addresses.map((text) => {
    const parsed = parseIpAddress(text);
    if (parsed === undefined) throw new Error(`not an address: ${text}`);
    const octets = Buffer.from(addressOctets(parsed));
    return record(owner, octets.length === 4 ? TYPES.A : TYPES.AAAA, said.ttl ?? 60, octets);
  });
  if (said.alias !== undefined) records.unshift(record(uint16(0xc00c), 5, said.ttl ?? 60, nameOctets(said.alias)));
  const header = Buffer.alloc(12);
  header.writeUInt16BE(query.readUInt16BE(0) ^ (said.failure === "wrong id" ? 0x5555 : 0), 0);
  header.writeUInt16BE(0x8180 | (truncated ? 0x0200 : 0) | rcode, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, query.subarray(12, question.end), ...records]);
}

function record(owner: Buffer, type: number, ttl: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([owner, fixed, data]);
}

function nameOctets(name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

function uint16(value: number): Buffer {
  const octets = Buffer.alloc(2);
  octets.writeUInt16BE(value);
  return octets;
}
