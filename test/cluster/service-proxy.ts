import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";

/** The API server's way to services: an HTTP CONNECT proxy on a Unix socket, its egress selector `cluster`. */
export interface ServiceProxy {
  /** Flag of kube-apiserver. */
  readonly flag: string;
  close(): Promise<void>;
}

/** `target` gives the loopback port of a cluster address `ip:port`, or undefined where nobody serves it. */
export async function startServiceProxy(
  directory: string,
  target: (address: string) => Promise<number | undefined>,
): Promise<ServiceProxy> {
  const socket = join(directory, "services.sock");
  const config = join(directory, "egress-selector.json");
  const transport = { uds: { udsName: socket } };
  const selection = { name: "cluster", connection: { proxyProtocol: "HTTPConnect", transport } };
  const kind = { apiVersion: "apiserver.k8s.io/v1beta1", kind: "EgressSelectorConfiguration" };
  writeFileSync(config, JSON.stringify({ ...kind, egressSelections: [selection] }));

  const open = new Set<Socket>();
  const keep = (end: Socket): Socket => {
    open.add(end);
    end.on("close", () => open.delete(end));
    end.on("error", () => end.destroy());
    return end;
  };
  const proxy = createServer();
  proxy.on("connect", (request, downstream: Socket) => {
    keep(downstream);
    void target(request.url ?? "").then(
      (port) => couple(downstream, port),
      () => couple(downstream, undefined),
    );
  });

  function couple(downstream: Socket, port: number | undefined): void {
    if (port === undefined) {
      downstream.end("HTTP/1.1 502 Nobody serves this\r\n\r\n");
      return;
    }
    const upstream = keep(connect(port, "127.0.0.1"));
    upstream.once("connect", () => {
      downstream.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.pipe(downstream).pipe(upstream);
    });
    upstream.once("close", () => downstream.destroy());
    downstream.once("close", () => upstream.destroy());
  }

  await new Promise<void>((resolve, reject) => {
    proxy.once("error", reject);
    proxy.listen(socket, resolve);
  });
  return {
    flag: `--egress-selector-config-file=${config}`,
    async close() {
      for (const end of open) end.destroy();
      proxy.closeAllConnections();
      await new Promise((resolve) => {
        proxy.close(resolve);
      });
    },
  };
}
