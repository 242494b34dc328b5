import { createHash } from "node:crypto";
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { testCa } from "./origins.ts";
import { frame } from "./websocket-frame.ts";

/** How one handshake is answered. Without anything: 101 with the first sub-protocol, and then every message is echoed. */
export interface RealtimeReply {
  /** An answer other than 101. */
  readonly status?: number;
  readonly body?: string;
  readonly accept?: string;
  /** Instead of the first that is offered; null: none. */
  readonly protocol?: string | null;
  /** Whole lines, beside the others. */
  readonly lines?: readonly string[];
  /** Octets in the same write as the head of the 101. */
  readonly early?: Uint8Array;
  /** Instead of all that, as it stands. */
  readonly raw?: string;
  /** No answer at all. */
  readonly hang?: boolean;
  /** Instead of the echo; the peer's `onMessage` is its own to set. */
  readonly serve?: (peer: RealtimePeer) => void;
}

/** The provider's end of one connection. */
export interface RealtimePeer {
  readonly socket: Socket;
  send(payload: string | Uint8Array, opcode?: number): void;
  onMessage: (payload: Buffer, opcode: number) => void;
  /** Payload of data messages that has come. */
  received: number;
  /** `fin`, or the code of the error, once the agent's side is gone. */
  readonly gone: Promise<string>;
}

export interface SeenHandshake {
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly rawHeaders: readonly string[];
}

export interface RealtimeOrigin extends AsyncDisposable {
  readonly port: number;
  readonly connections: number;
  readonly handshakes: readonly SeenHandshake[];
  readonly peers: readonly RealtimePeer[];
  script(reply: RealtimeReply): void;
  /** Connections that come from now on are accepted, and hear nothing until this has settled. */
  hold(until: Promise<void>): void;
}

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export async function startRealtimeOrigin(tls?: readonly string[]): Promise<RealtimeOrigin> {
  let reply: RealtimeReply = {};
  let connections = 0;
  const handshakes: SeenHandshake[] = [];
  const peers: RealtimePeer[] = [];
  const open = new Set<Socket>();
  const server = tls === undefined ? createHttpServer() : createHttpsServer(credentials(tls));
  server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
    const { url = "", headers, rawHeaders } = request;
    handshakes.push({ url, headers, rawHeaders });
    socket.on("error", () => undefined);
    answer(socket, headers, reply, peers);
  });
  server.on("request", (_request, response) => response.writeHead(500).end("not upgraded"));
  let held: Promise<void> = Promise.resolve();
  const front = createTcpServer({ pauseOnConnect: true }, (socket) => {
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => open.delete(socket));
    void held.then(() => {
      connections += 1;
      server.emit("connection", socket);
      return socket.resume();
    });
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  return {
    port: (front.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    handshakes,
    peers,
    script(next) {
      reply = next;
    },
    hold(until) {
      held = until;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => front.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

function credentials(names: readonly string[]): { readonly key: string; readonly cert: string } {
  const { certificatePem, keyPem } = testCa().issue(names);
  return { key: keyPem, cert: certificatePem };
}

function answer(
  socket: Socket,
  headers: IncomingMessage["headers"],
  reply: RealtimeReply,
  peers: RealtimePeer[],
): void {
  if (reply.hang === true) return;
  if (reply.raw !== undefined) {
    socket.end(reply.raw, "latin1");
    return;
  }
  if (reply.status !== undefined) {
    const body = Buffer.from(reply.body ?? "");
    const lines = [`HTTP/1.1 ${reply.status} X`, `Content-Length: ${body.length}`, ...(reply.lines ?? [])];
    socket.end(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body]));
    return;
  }
  const key = headers["sec-websocket-key"] ?? "";
  const [first = ""] = (headers["sec-websocket-protocol"] ?? "").split(",");
  const protocol = reply.protocol === undefined ? first.trim() : reply.protocol;
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${reply.accept ?? createHash("sha1").update(`${key}${GUID}`).digest("base64")}`,
    ...(protocol === null || protocol === "" ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    ...(reply.lines ?? []),
  ];
  socket.write(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), reply.early ?? Buffer.alloc(0)]));
  const peer = peerOf(socket);
  peers.push(peer);
  reply.serve?.(peer);
}

function peerOf(socket: Socket): RealtimePeer {
  const gone = Promise.withResolvers<string>();
  socket.on("end", () => gone.resolve("fin"));
  socket.on("error", (error: NodeJS.ErrnoException) => gone.resolve(error.code ?? error.name));
  socket.on("close", () => gone.resolve("close"));
  const peer: RealtimePeer = {
    socket,
    received: 0,
    gone: gone.promise,
    send: (payload, opcode = 1) => void socket.write(frame(payload, { opcode })),
    onMessage: (payload, opcode) => void socket.write(frame(payload, { opcode })),
  };
  let held: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (let read = masked(held); read !== undefined; read = masked(held)) {
      held = held.subarray(read.length);
      if (read.opcode === 8) socket.end(frame(read.payload, { opcode: 8 }));
      else if (read.opcode === 9) socket.write(frame(read.payload, { opcode: 10 }));
      else {
        peer.received += read.payload.length;
        peer.onMessage(read.payload, read.opcode);
      }
    }
  });
  return peer;
}

/** The first whole frame of a client; this fake knows no fragments. */
function masked(
  octets: Buffer,
): { readonly length: number; readonly opcode: number; readonly payload: Buffer } | undefined {
  if (octets.length < 2) return undefined;
  const short = (octets[1] ?? 0) & 0x7f;
  const form = short === 127 ? 8 : short === 126 ? 2 : 0;
  const begin = 2 + form + 4;
  if (octets.length < begin) return undefined;
  const size = form === 8 ? Number(octets.readBigUInt64BE(2)) : form === 2 ? octets.readUInt16BE(2) : short;
  if (octets.length < begin + size) return undefined;
  const payload = Buffer.from(octets.subarray(begin, begin + size));
  for (let at = 0; at < size; at += 1) payload[at] = (payload[at] ?? 0) ^ (octets[begin - 4 + (at % 4)] ?? 0);
  return { length: begin + size, opcode: (octets[0] ?? 0) & 0x0f, payload };
}
