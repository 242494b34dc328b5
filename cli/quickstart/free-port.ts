import { type AddressInfo, createServer } from "node:net";

/** `wanted` where it is free on loopback, over IPv4 and IPv6; else another port. Nothing keeps it free afterwards. */
export async function portOrFree(wanted: number): Promise<number> {
  for (const address of ["127.0.0.1", "::1"]) {
    if ((await tryPort(address, wanted)) === "EADDRINUSE") return Number(await tryPort("127.0.0.1", 0));
  }
  return wanted;
}

/** The port that could be bound for a moment, or why none could. */
async function tryPort(address: string, port: number): Promise<number | string> {
  const server = createServer();
  const tried = Promise.withResolvers<number | string>();
  server.once("error", (error: NodeJS.ErrnoException) => tried.resolve(error.code ?? error.message));
  server.listen({ host: address, port }, () => {
    // A server on a port has an address that is no path.
    const bound = (server.address() as AddressInfo).port;
    server.close(() => tried.resolve(bound));
  });
  return tried.promise;
}
