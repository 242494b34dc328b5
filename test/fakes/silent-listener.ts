import { spawn } from "node:child_process";
import { connect, type Socket } from "node:net";

/**
 * An address that neither answers nor refuses: a stopped process whose accept queue is full, so that the kernel
 * drops every further SYN, as a firewall would.
 */
export async function silentListener(host: string, port: number): Promise<{ close(): Promise<void> }> {
  const program = `require("node:net").createServer().listen({ host: ${JSON.stringify(host)}, port: ${port}, backlog: 1 }, () => process.kill(process.pid, "SIGSTOP"))`;
  const child = spawn(process.execPath, ["-e", program], { stdio: "inherit" });
  const gone = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  const fillers: Socket[] = [];
  let connected = 0;
  // Until three connections in a row stay unanswered: refused at first (not listening yet), then taken into the queue.
  for (let unanswered = 0; unanswered < 3;) {
    const outcome = await new Promise<"connect" | "error" | "silence">((resolve) => {
      const socket = connect({ host, port });
      fillers.push(socket);
      const timer = setTimeout(() => resolve("silence"), 60);
      socket.on("connect", () => resolve("connect")).on("error", () => resolve("error"));
      socket.on("close", () => clearTimeout(timer));
    });
    if (outcome === "connect") connected += 1;
    unanswered = outcome === "silence" && connected > 0 ? unanswered + 1 : 0;
    if (outcome === "error") await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return {
    async close() {
      for (const socket of fillers) socket.destroy();
      child.kill("SIGKILL");
      await gone;
    },
  };
}
