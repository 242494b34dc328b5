import { connect, type Socket } from "node:net";
import { clientHello } from "../../test/fakes/client-hello.ts";

/** What the parent asks of the load generator, a process of its own. `proxyPort` undefined: straight to the origin. */
export interface LoadOrder {
  readonly kind: "connect" | "stream";
  readonly proxyPort: number | undefined;
  readonly host: string;
  readonly originPort: number;
  readonly count: number;
  readonly concurrency: number;
  /** Octets of one stream. */
  readonly bytes: number;
}

export interface LoadResult {
  readonly seconds: number;
  readonly failures: number;
  readonly p50: number;
  readonly p99: number;
}

const hello = clientHello("origin.bench");

function open(order: LoadOrder, established: (socket: Socket) => void, failed: () => void): void {
  const socket = connect({ port: order.proxyPort ?? order.originPort, host: "127.0.0.1", noDelay: true });
  socket.on("error", () => {
    socket.destroy();
    failed();
  });
  if (order.proxyPort === undefined) {
    socket.once("connect", () => established(socket));
    return;
  }
  const authority = `${order.host}:${order.originPort}`;
  socket.write(
    `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nUser-Agent: bench\r\nProxy-Connection: keep-alive\r\n\r\n`,
  );
  socket.once("data", (head: Buffer) => {
    if (/^HTTP\/1\.[01] 200/.test(head.toString("latin1", 0, 12))) established(socket);
    else {
      socket.destroy();
      failed();
    }
  });
}

/** One tunnel: set it up, send a ClientHello, read the first answer, close. */
async function tunnel(order: LoadOrder): Promise<boolean> {
  return new Promise((resolve) => {
    open(
      order,
      (socket) => {
        socket.once("data", () => {
          socket.destroy();
          resolve(true);
        });
        socket.write(hello);
      },
      () => resolve(false),
    );
  });
}

/** One stream of `bytes` octets through a tunnel, read to its end. */
async function stream(order: LoadOrder): Promise<boolean> {
  return new Promise((resolve) => {
    open(
      order,
      (socket) => {
        let received = 0;
        socket.on("data", (chunk: Buffer) => {
          received += chunk.length;
        });
        socket.once("end", () => {
          socket.destroy();
          resolve(received === order.bytes);
        });
        socket.write(Buffer.concat([hello, Buffer.from(`D${order.bytes}\n`)]));
      },
      () => resolve(false),
    );
  });
}

async function run(order: LoadOrder): Promise<LoadResult> {
  const one = order.kind === "connect" ? tunnel : stream;
  const latencies: number[] = [];
  let left = order.count;
  let failures = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: order.concurrency }, async () => {
      while (left > 0) {
        left -= 1;
        const from = performance.now();
        if (!(await one(order))) failures += 1;
        latencies.push(performance.now() - from);
      }
    }),
  );
  const seconds = (performance.now() - began) / 1_000;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return { seconds, failures, p50: at(0.5), p99: at(0.99) };
}

process.on("message", (order: LoadOrder) => {
  void run(order).then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit(0));
