import { startSidecar } from "../../test/fakes/sidecar.ts";
import type { RunningProxy } from "./peers.ts";

/** Sluice with everything on: signed policy, ClientHello judged, strict audit with durable records, a log line an exchange. */
export async function startSluice(originPort: number): Promise<RunningProxy & { readonly readyMillis: number }> {
  const sidecar = await startSidecar({
    allow: [
      `{ id: bench, hosts: [origin.bench], ports: [${originPort}], addresses: ["127.0.0.1:${originPort}"], protocol: tls }`,
    ],
    hosts: { "origin.bench": ["127.0.0.1"] },
    built: true,
  });
  return {
    name: "Sluice",
    port: sidecar.port,
    pid: sidecar.child.pid ?? 0,
    readyMillis: sidecar.readyMillis,
    stop: async () => sidecar[Symbol.asyncDispose](),
  };
}
