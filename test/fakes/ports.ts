import { createServer } from "node:net";

/**
 * A port that was free on loopback, over both families, a moment ago. None of those that the kernel gives to clients
 * (32768 and up, ip_local_port_range): a client that asks a listener to come up could be given its very port.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (given.has(port) || !(await isFree(port, "127.0.0.1")) || !(await isFree(port, "::1"))) continue;
    given.add(port);
    return port;
  }
}

/** Above the ports of contract.md. */
const lowest = 20_000;
const highest = 32_768;
/** Two listeners of a test must not get the same. */
const given = new Set<number>();

async function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "EADDRNOTAVAIL"));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
