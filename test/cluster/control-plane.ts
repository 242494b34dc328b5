import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterCa } from "./cluster-ca.ts";
import { type OwnedProcess, startOwned } from "./owned-process.ts";

export const AUDIENCE = "https://kubernetes.default.svc";

export interface ControlPlaneSpec {
  readonly directory: string;
  readonly etcd: string;
  readonly apiServer: string;
  readonly etcdPort: number;
  readonly port: number;
  /** Whether pods get a service account and its token, and are refused where there is none. */
  readonly serviceAccounts: boolean;
  /** Further flags of kube-apiserver. */
  readonly flags: readonly string[];
}

export interface ControlPlane {
  readonly etcd: OwnedProcess;
  /** Starts another kube-apiserver on the same port and data. */
  startApiServer(): OwnedProcess;
}

/** Files first, then etcd; nothing here waits for the API to be ready. */
export function startControlPlane(spec: ControlPlaneSpec, ca: ClusterCa): ControlPlane {
  const path = (name: string): string => join(spec.directory, name);
  const put = (name: string, text: string): string => {
    writeFileSync(path(name), text, { mode: 0o600 });
    return path(name);
  };
  const serving = ca.server(["localhost", "kubernetes.default.svc"], ["127.0.0.1"]);
  const tokens = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const flags = {
    "etcd-servers": `http://127.0.0.1:${spec.etcdPort}`,
    "bind-address": "127.0.0.1",
    "secure-port": String(spec.port),
    "tls-cert-file": put("server.crt", serving.certificatePem),
    "tls-private-key-file": put("server.key", serving.keyPem),
    "client-ca-file": put("ca.crt", ca.certificatePem),
    "authorization-mode": "RBAC",
    "service-account-issuer": AUDIENCE,
    "api-audiences": AUDIENCE,
    "service-account-key-file": put("tokens.pub", tokens.publicKey.export({ type: "spki", format: "pem" }).toString()),
    "service-account-signing-key-file": put(
      "tokens.key",
      tokens.privateKey.export({ type: "sec1", format: "pem" }).toString(),
    ),
    ...(spec.serviceAccounts ? {} : { "disable-admission-plugins": "ServiceAccount" }),
    "enable-admission-plugins":
      "ValidatingAdmissionPolicy,MutatingAdmissionWebhook,ValidatingAdmissionWebhook,PodSecurity,MutatingAdmissionPolicy",
    // There is no address to publish: an endpoint may not be on loopback.
    "endpoint-reconciler-type": "none",
    "service-cluster-ip-range": "10.96.0.0/24",
    "allow-privileged": "true",
    "cert-dir": spec.directory,
    // A request waits for its webhooks, not for a place in a queue.
    "enable-priority-and-fairness": "false",
    profiling: "false",
    v: "0",
  };
  const given = [...Object.entries(flags).map(([name, value]) => `--${name}=${value}`), ...spec.flags];
  return {
    etcd: startOwned(spec.etcd, etcdFlags(path("etcd"), spec.etcdPort), path("etcd.log")),
    startApiServer: () => startOwned(spec.apiServer, given, path("kube-apiserver.log")),
  };
}

/** Without fsync: the data need not outlive the machine. The peers' port is unused, any will do. */
function etcdFlags(data: string, port: number): string[] {
  const url = `http://127.0.0.1:${port}`;
  return [
    `--data-dir=${data}`,
    "--unsafe-no-fsync",
    "--log-level=warn",
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    "--listen-peer-urls=http://127.0.0.1:0",
  ];
}

/** Resolves when `ready` says so; throws when one of the processes has ended, or after `within` milliseconds. */
export async function untilReady(
  ready: () => Promise<boolean>,
  processes: readonly OwnedProcess[],
  within: number,
): Promise<void> {
  const end = Date.now() + within;
  while (!(await ready())) {
    for (const process of processes) {
      const how = process.ended();
      if (how !== undefined) throw new Error(`the test cluster ended with ${how}:\n${process.tail()}`);
    }
    if (Date.now() > end)
      throw new Error(`the test cluster is not ready:\n${processes.map((p) => p.tail()).join("\n")}`);
    await sleep(50);
  }
}
