import { connect as connectTcp } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";

/** What the parent asks of the load generator: `count` GETs of `path` over `concurrency` kept connections. */
export interface InspectedOrder {
  readonly proxyPort: number | undefined;
  readonly host: string;
  readonly originPort: number;
  readonly path: string;
  readonly count: number;
  readonly concurrency: number;
}

export interface InspectedResult {
  readonly seconds: number;
  readonly failures: number;
}

/** HTTPS through the proxy's CONNECT. Who vouches for the certificate is the tests' question, not the load's. */
async function open({ proxyPort, originPort, host }: InspectedOrder): Promise<TLSSocket> {
  const socket = connectTcp({ port: proxyPort ?? originPort, host: "127.0.0.1", noDelay: true });
  if (proxyPort !== undefined) {
    const authority = `${host}:${originPort}`;
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    const head = await new Promise<string>((resolve, reject) => {
      socket.once("data", (chunk: Buffer) => resolve(chunk.toString("latin1")));
      socket.once("error", reject);
    });
    if (!/^HTTP\/1\.[01] 200/.test(head)) throw new Error(head);
  }
  const secure = connectTls({ socket, servername: host, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
  await new Promise<void>((resolve, reject) => {
    secure.once("secureConnect", resolve);
    secure.once("error", reject);
  });
  return secure;
}

/** Reads one answer: its head, and as many octets as its Content-Length says. */
async function get(socket: TLSSocket, { path, host, originPort }: InspectedOrder): Promise<boolean> {
  return new Promise((resolve) => {
    let head = "";
    let left = -1;
    const done = (isWhole: boolean): void => {
      socket.off("data", onData);
      socket.off("close", onClose);
      resolve(isWhole);
    };
    const onClose = (): void => done(false);
    const onData = (chunk: Buffer): void => {
      if (left >= 0) left -= chunk.length;
      else {
        head += chunk.toString("latin1");
        const end = head.indexOf("\r\n\r\n");
        if (end < 0) return;
        const length = Number(/content-length: *([0-9]+)/i.exec(head)?.[1]);
        if (!head.startsWith("HTTP/1.1 200")) return done(false);
        left = length - (head.length - end - 4);
      }
      if (left <= 0) done(left === 0);
    };
    socket.on("data", onData);
    socket.on("close", onClose);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}:${originPort}\r\n\r\n`);
  });
}

async function run(order: InspectedOrder): Promise<InspectedResult> {
  let left = order.count;
  let failures = 0;
  const sockets = await Promise.all(Array.from({ length: order.concurrency }, async () => open(order)));
  const began = performance.now();
  await Promise.all(
    sockets.map(async (socket) => {
      while (left > 0) {
        left -= 1;
        if (await get(socket, order)) continue;
        failures += 1;
        return;
      }
    }),
  );
  const seconds = (performance.now() - began) / 1_000;
  for (const socket of sockets) socket.destroy();
  return { seconds, failures };
}

process.on("message", (order: InspectedOrder) => {
  run(order).then(
    (result) => process.send?.(result),
    () => process.send?.({ seconds: Number.NaN, failures: order.count }),
  );
});
process.on("disconnect", () => process.exit(0));
