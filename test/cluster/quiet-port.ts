import { createServer } from "node:net";

const FIRST = 20_000;
const COUNT = 12_000;
/** Test processes of one moment have near ids: each begins its search in a place of its own. */
let next = (process.pid * 20) % COUNT;

/** Below the range that Linux takes for outgoing connections, so that it is still free when a server restarts. */
export async function quietPort(): Promise<number> {
  const port = FIRST + next;
  next = (next + 1) % COUNT;
  const free = await new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
  return free ? port : quietPort();
}
