import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { AgentSocket } from "../../../../router/edge/listeners/agent-socket.ts";

/** An agent's end of a connection, and ours as a listener makes it. */
export interface SocketPair extends AsyncDisposable {
  readonly theirs: Socket;
  readonly agent: AgentSocket;
}

export async function socketPair(): Promise<SocketPair> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, highWaterMark: 64 * 1024 });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address !== "object") throw new Error("the server has no address");
  const accepted = once(server, "connection");
  const theirs = connect({ port: address.port, host: "127.0.0.1", noDelay: true });
  theirs.on("error", () => undefined);
  const [ours] = (await accepted) as [Socket];
  return {
    theirs,
    agent: new AgentSocket(ours),
    async [Symbol.asyncDispose]() {
      theirs.destroy();
      ours.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
