import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import { testCa } from "./origins.ts";

/** TLS in front of an origin in clear: octets and ends go through as they are, a reset as a reset. */
export interface TlsFront extends AsyncDisposable {
  readonly port: number;
  /** Handshakes that were completed. */
  readonly handshakes: number;
}

export async function tlsFront(originPort: number, names: readonly string[]): Promise<TlsFront> {
  const { certificatePem, keyPem } = testCa().issue(names);
  const secureContext = createSecureContext({ cert: certificatePem, key: keyPem });
  const open = new Set<Socket>();
  let handshakes = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (transport) => {
    const secured = new TLSSocket(transport, { isServer: true, secureContext });
    const clear = connect({ port: originPort, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    for (const socket of [transport, clear]) {
      open.add(socket);
      socket.once("close", () => open.delete(socket));
    }
    secured.once("secure", () => (handshakes += 1));
    join(clear, secured, () => !transport.destroyed && transport.resetAndDestroy());
    join(secured, clear, () => !clear.destroyed && clear.resetAndDestroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get handshakes() {
      return handshakes;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function join(from: Socket, to: Socket, broken: () => void): void {
  from.on("data", (chunk: Buffer) => {
    if (!to.write(chunk)) from.pause();
  });
  to.on("drain", () => from.resume());
  from.on("end", () => to.end());
  from.on("error", broken);
  from.on("close", () => {
    if (!from.readableEnded) broken();
  });
}
