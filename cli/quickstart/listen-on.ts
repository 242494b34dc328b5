import type { AddressInfo, Server } from "node:net";

/** Listens on the port wanted, or on a free one where that is taken; the port. */
export async function listenOn(server: Server, address: string, wanted: number): Promise<number> {
  for (const port of [wanted, 0]) {
    const listening = Promise.withResolvers<string>();
    const refused = (error: NodeJS.ErrnoException): void => listening.resolve(error.code ?? "");
    server.once("error", refused);
    server.listen({ host: address, port }, () => listening.resolve(""));
    const problem = await listening.promise;
    server.off("error", refused);
    if (problem === "") break;
    if (problem !== "EADDRINUSE" || port === 0) throw new Error(`${address}:${port}: ${problem}`);
  }
  // A server on a port has an address that is no path.
  return (server.address() as AddressInfo).port;
}
