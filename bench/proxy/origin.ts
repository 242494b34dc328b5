import { createServer } from "node:net";

/**
 * The origin of the proxy benches, as its own process. It speaks just enough: a connection that begins with a TLS
 * record gets one 64-octet answer (so that a proxy that judges ClientHello has one to judge, and no handshake's
 * arithmetic hides the proxy's own cost); one that begins with "D<n>\n" gets n octets and is closed.
 */
const answer = Buffer.alloc(64, 0x17);
const block = Buffer.alloc(256 * 1024, 0x5a);

const server = createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => socket.destroy());
  socket.once("data", (first: Buffer) => {
    const order = /^\x16[\s\S]*?D([0-9]+)\n/.exec(first.toString("latin1"));
    if (order === null) {
      socket.write(answer);
      return;
    }
    let left = Number(order[1]);
    const pump = (): void => {
      while (left > 0) {
        const piece = left >= block.length ? block : block.subarray(0, left);
        left -= piece.length;
        if (left === 0) {
          socket.end(piece);
          return;
        }
        if (!socket.write(piece)) {
          socket.once("drain", pump);
          return;
        }
      }
    };
    pump();
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.send?.({ port: address.port });
});
process.on("disconnect", () => process.exit(0));
