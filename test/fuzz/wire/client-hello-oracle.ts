import { oracleName } from "./authority-oracle.ts";

type Verdict =
  | { readonly state: "incomplete" | "not_tls" | "malformed" }
  | {
      readonly state: "complete";
      readonly hello: {
        readonly serverName: string | undefined;
        readonly ech: boolean;
        readonly alpn: readonly string[];
      };
    };

class Malformed extends Error {}

/** What `readClientHello` must say, written slowly: octet by octet through the records, then cutting up one array. */
export function oracleClientHello(bytes: Uint8Array): Verdict {
  const message: number[] = [];
  let declared = 0;
  let recordStart = 0;
  let recordCount = 1;
  for (let at = 0; at <= bytes.length; at++) {
    const header = bytes.subarray(recordStart, Math.min(at, recordStart + 5));
    const wrong = recordCount === 1 ? "not_tls" : "malformed";
    if (recordCount > 64) return { state: "malformed" };
    if (header.length > 0 && header[0] !== 22) return { state: wrong };
    if (header.length > 1 && header[1] !== 3) return { state: wrong };
    if (header.length === 5) {
      const size = Number(header[3]) * 256 + Number(header[4]);
      if (size < 1 || size > 16_384) return { state: wrong };
      if (recordStart + 5 + size > 65_536) return { state: "malformed" };
      if (at > recordStart + 5) message.push(Number(bytes[at - 1]));
      if (message.length > 0 && message[0] !== 1) return { state: "not_tls" };
      if (message.length >= 4) {
        const total = 4 + Number(message[1]) * 65_536 + Number(message[2]) * 256 + Number(message[3]);
        if (total > 65_536 || declared + size > total) return { state: "malformed" };
        if (message.length === total) return parse(message);
      }
      if (at === recordStart + 5 + size) {
        declared += size;
        recordStart = at;
        recordCount++;
        if (recordCount > 64) return { state: "malformed" };
      }
    }
  }
  return { state: "incomplete" };
}

function parse(message: readonly number[]): Verdict {
  try {
    return { state: "complete", hello: parseBody(message.slice(4)) };
  } catch (error) {
    if (error instanceof Malformed) return { state: "malformed" };
    throw error;
  }
}

function must(condition: boolean): void {
  if (!condition) throw new Malformed();
}

/** Cuts `count` octets off the front of `from`. */
function cut(from: number[], count: number): number[] {
  must(from.length >= count);
  return from.splice(0, count);
}

/** Cuts a vector behind a length of `width` octets off the front of `from`. */
function cutVector(from: number[], width: number): number[] {
  return cut(from, Number.parseInt(Buffer.from(cut(from, width)).toString("hex"), 16));
}

function parseBody(body: number[]): Extract<Verdict, { state: "complete" }>["hello"] {
  const [major] = cut(body, 2);
  cut(body, 32);
  const sessionId = cutVector(body, 1);
  const cipherSuites = cutVector(body, 2);
  const compression = cutVector(body, 1);
  must(major === 3 && sessionId.length <= 32 && compression.length >= 1);
  must(cipherSuites.length >= 2 && cipherSuites.length % 2 === 0);
  if (body.length === 0) return { serverName: undefined, ech: false, alpn: [] };
  const list = cutVector(body, 2);
  must(body.length === 0);

  const extensions: (readonly [type: string, data: number[]])[] = [];
  while (list.length > 0) extensions.push([Buffer.from(cut(list, 2)).toString("hex"), cutVector(list, 2)]);
  const types = extensions.map(([type]) => type);
  must(new Set(types).size === types.length);
  const data = (wanted: string): number[] | undefined => extensions.find(([type]) => type === wanted)?.[1];
  const names = data("0000");
  const protocols = data("0010");
  return {
    serverName: names === undefined ? undefined : parseNames(names),
    alpn: protocols === undefined ? [] : parseProtocols(protocols),
    ech: types.some((type) => /^(?:fe0[89abcd]|ffce)$/.test(type)),
  };
}

function parseNames(data: number[]): string {
  const list = cutVector(data, 2);
  const [type] = cut(list, 1);
  const name = cutVector(list, 2);
  must(data.length === 0 && list.length === 0 && type === 0);
  const text = Buffer.from(name).toString("latin1");
  const canonical = oracleName(text);
  must(canonical !== undefined && !text.endsWith("."));
  return canonical ?? "";
}

function parseProtocols(data: number[]): string[] {
  const list = cutVector(data, 2);
  must(data.length === 0 && list.length > 0);
  const protocols: string[] = [];
  while (list.length > 0) protocols.push(Buffer.from(cutVector(list, 1)).toString("latin1"));
  must(protocols.every((protocol) => protocol !== ""));
  return protocols;
}
