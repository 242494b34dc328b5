import { createServer } from "node:https";

/** An HTTPS origin in a process of its own: `/small` answers 256 octets, `/<n>` n octets. */
const block = Buffer.alloc(256 * 1024, 0x5a);
const small = Buffer.alloc(256, 0x61);

process.once("message", ({ key, cert }: { readonly key: string; readonly cert: string }) => {
  const server = createServer({ key, cert, keepAliveTimeout: 60_000 }, (request, response) => {
    request.resume();
    if (request.url === "/small") {
      response.writeHead(200, { "content-length": small.length });
      response.end(small);
      return;
    }
    let left = Number(request.url?.slice(1));
    response.writeHead(200, { "content-length": left });
    const pump = (): void => {
      while (left > 0) {
        const piece = left >= block.length ? block : block.subarray(0, left);
        left -= piece.length;
        if (left === 0) response.end(piece);
        else if (!response.write(piece)) {
          response.once("drain", pump);
          return;
        }
      }
    };
    pump();
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (address !== null && typeof address === "object") process.send?.({ port: address.port });
  });
});
process.on("disconnect", () => process.exit(0));
