import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requirement } from "../require.ts";
import { findTool } from "../tools/find.ts";
import { type ApiAnswer, type KubeObject, type Method, sendRequest, watchRequest } from "./api-request.ts";
import { type ClusterCa, createClusterCa, type Credential } from "./cluster-ca.ts";
import { startControlPlane, untilReady } from "./control-plane.ts";
import { type Identity, kubeconfig } from "./kubeconfig.ts";
import type { OwnedProcess } from "./owned-process.ts";
import { type Printed, runProgram } from "./run-program.ts";
import { quietPort } from "./quiet-port.ts";
import { startServiceProxy } from "./service-proxy.ts";

/** Somebody whom the API server knows by a client certificate. */
export interface ClusterUser {
  readonly name: string;
  readonly groups: readonly string[];
  readonly credential: Credential;
  /** Path of a kubeconfig that is this user's. */
  readonly kubeconfig: string;
}

/** Who asks: a user of `Cluster.user`, or a name that the admin impersonates. By default the admin. */
export type Caller = ClusterUser | string;

export interface ApiOptions {
  readonly as?: Caller;
  /** A bearer token instead of any certificate. */
  readonly token?: string;
  /** By default `application/json`, or `application/merge-patch+json` for PATCH. */
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal;
}

export interface RunOptions {
  readonly as?: Caller;
  readonly input?: string;
  readonly cwd?: string;
}

export interface TokenOptions {
  readonly audiences?: readonly string[];
  readonly expirationSeconds?: number;
  readonly boundObjectRef?: { readonly kind: string; readonly apiVersion: string; readonly name: string };
}

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: KubeObject;
}

/** A real kube-apiserver with RBAC and admission, and its etcd. There are no controllers, no scheduler, no nodes. */
export interface Cluster {
  /** `https://127.0.0.1:<port>`, the same after a restart. */
  readonly url: string;
  /** For whatever a test needs; removed at the end. */
  readonly directory: string;
  readonly caFile: string;
  readonly caPem: string;
  /** In `system:masters`: RBAC does not bind it. */
  readonly admin: ClusterUser;
  /** The admin's. */
  readonly kubeconfig: string;
  /** From the first spawn to the first 200 of /readyz. */
  readonly readyMillis: number;
  /** `body` is sent as JSON, a string as it is. Every status is an answer; only a broken connection throws. */
  api<Body = KubeObject>(method: Method, path: string, body?: unknown, options?: ApiOptions): Promise<ApiAnswer<Body>>;
  /** Events of a path with `?watch=1`; ends with the server or the signal. */
  watch(path: string, options: ApiOptions & { readonly signal: AbortSignal }): AsyncGenerator<WatchEvent>;
  kubectl(args: readonly string[], options?: RunOptions): Promise<Printed>;
  helm(args: readonly string[], options?: RunOptions): Promise<Printed>;
  user(name: string, groups?: readonly string[]): ClusterUser;
  /** A bound token by TokenRequest; makes the account where there is none. */
  serviceAccountToken(namespace: string, name: string, options?: TokenOptions): Promise<string>;
  /** Path of a kubeconfig that has this bearer token. */
  tokenKubeconfig(token: string): string;
  /** With its `default` service account, which nobody else makes here. */
  createNamespace(name: string, labels?: Readonly<Record<string, string>>): Promise<void>;
  /** Connections of the API server to a service, as its webhooks make, reach this port of loopback, on any port of theirs. */
  serveService(namespace: string, name: string, port: number): void;
  /** Ends the API server, by default at once; etcd stays. */
  stop(signal?: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Starts it again on the same port and data, ending it first where it runs; resolves when it is ready. */
  restart(): Promise<void>;
  /** The last lines of the API server's log. */
  logs(): string;
}

export interface ClusterOptions {
  /** As in a real cluster, pods get a service account and a volume with its token before any webhook sees them, and
   * there are none in a namespace without a `default` account (`createNamespace` makes it). By default they get nothing. */
  readonly serviceAccounts?: boolean;
  /** Further flags of kube-apiserver; the last of a name counts, lists of plugins add up. */
  readonly flags?: readonly string[];
}

interface ServiceList {
  readonly items: readonly {
    readonly metadata: { readonly namespace: string; readonly name: string };
    readonly spec: { readonly clusterIP: string };
  }[];
}

/** A test context, or `{ after }` of node:test in a file whose tests share the cluster. */
export interface Owner {
  after(end: () => void | Promise<void>): void;
}

const etcd = findTool("etcd");
const apiServer = findTool("kube-apiserver");
const kubectl = findTool("kubectl");
const helm = findTool("helm");

/** Milliseconds after which a start counts as failed: this machine is shared. */
const MOST_START = 60_000;

/** Options of a test that needs `startCluster` and `kubectl`. */
export function requireCluster(): { readonly skip: string | false } {
  return requirement(
    "cluster",
    (etcd && apiServer && kubectl) !== undefined,
    "node test/tools/build.ts has not built it",
  );
}

/** Options of a test that needs `helm`. */
export function requireHelm(): { readonly skip: string | false } {
  return requirement("helm", helm !== undefined, "node test/tools/build.ts has not built it");
}

export async function startCluster(owner: Owner, options: ClusterOptions = {}): Promise<Cluster> {
  const programs = { etcd: built("etcd", etcd), apiServer: built("kube-apiserver", apiServer) };
  const directory = mkdtempSync(join(tmpdir(), "sluice-cluster-"));
  const opened = new AsyncDisposableStack(); // Ends in reverse, which the hooks of a test do not.
  owner.after(async () => opened.disposeAsync());
  opened.defer(() => rmSync(directory, { recursive: true, force: true }));
  const ca = createClusterCa();
  const port = await quietPort();
  const url = `https://127.0.0.1:${port}`;
  const began = performance.now();
  let kubeconfigs = 0;
  const writeKubeconfig = (identity: Identity): string => {
    kubeconfigs += 1;
    const path = join(directory, `${kubeconfigs}.kubeconfig`);
    writeFileSync(path, kubeconfig(url, ca.certificatePem, identity), { mode: 0o600 });
    return path;
  };
  const user = (name: string, groups: readonly string[] = []): ClusterUser => {
    const credential = ca.client(name, groups);
    return { name, groups, credential, kubeconfig: writeKubeconfig({ credential }) };
  };
  const services = new Map<string, number>();
  const admin = user("admin", ["system:masters"]);
  const call = callOf(url, ca, admin);
  const proxy = await startServiceProxy(directory, async (address) => {
    const { body } = await sendRequest<ServiceList>(call("GET", "/api/v1/services"));
    const service = body.items.find(({ spec }) => address.startsWith(`${spec.clusterIP}:`));
    return service && services.get(`${service.metadata.namespace}/${service.metadata.name}`);
  });
  opened.defer(async () => proxy.close());
  const flags = [proxy.flag, ...(options.flags ?? [])];
  const { serviceAccounts = false } = options;
  const etcdPort = await quietPort();
  const plane = startControlPlane({ directory, ...programs, etcdPort, port, serviceAccounts, flags }, ca);
  let server: OwnedProcess = plane.startApiServer();
  opened.defer(async () => {
    showIfFailing(`kube-apiserver:\n${server.tail()}\netcd:\n${plane.etcd.tail()}`);
    await Promise.all([server.end(), plane.etcd.end()]);
  });
  const ready = async (): Promise<void> =>
    untilReady(
      async () => {
        try {
          const signal = AbortSignal.timeout(2_000);
          return (await sendRequest(call("GET", "/readyz", undefined, { signal }))).status === 200;
        } catch {
          return false;
        }
      },
      [server, plane.etcd],
      MOST_START,
    );
  await ready();
  const readyMillis = performance.now() - began;

  const api: Cluster["api"] = async (method, path, body, given) => sendRequest(call(method, path, body, given));

  async function made(path: string, object: unknown): Promise<void> {
    const { status, body } = await api("POST", path, object);
    if (status !== 201 && status !== 409) throw new Error(`POST ${path}: ${status} ${body.message ?? ""}`);
  }

  async function createServiceAccount(namespace: string, name: string): Promise<void> {
    const object = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } };
    await made(`/api/v1/namespaces/${namespace}/serviceaccounts`, object);
  }

  const run = async (program: string, args: readonly string[], given: RunOptions = {}): Promise<Printed> => {
    const { as = admin, input = "", cwd = directory } = given;
    const config = typeof as === "string" ? admin.kubeconfig : as.kubeconfig;
    const environment = { HOME: directory, KUBECONFIG: config, PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
    return runProgram(program, args, input, cwd, environment);
  };

  return {
    url,
    directory,
    caFile: join(directory, "ca.crt"),
    caPem: ca.certificatePem,
    admin,
    kubeconfig: admin.kubeconfig,
    readyMillis,
    api,
    watch: (path, given) => watchRequest(call("GET", path, undefined, given)),
    kubectl: async (args, given) =>
      run(built("kubectl", kubectl), typeof given?.as === "string" ? [`--as=${given.as}`, ...args] : args, given),
    helm: async (args, given) =>
      run(built("helm", helm), typeof given?.as === "string" ? [`--kube-as-user=${given.as}`, ...args] : args, given),
    user,
    async serviceAccountToken(namespace, name, spec = {}) {
      await createServiceAccount(namespace, name);
      const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
      const { status, body } = await api<KubeObject & { status?: { token?: string } }>("POST", path, request);
      const token = body.status?.token;
      if (token === undefined) throw new Error(`POST ${path}: ${status} ${body.message ?? ""}`);
      return token;
    },
    tokenKubeconfig: (token) => writeKubeconfig({ token }),
    async createNamespace(name, labels = {}) {
      await made("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
      await createServiceAccount(name, "default");
    },
    serveService: (namespace, name, servicePort) => void services.set(`${namespace}/${name}`, servicePort),
    stop: async (signal) => server.end(signal),
    async restart() {
      await server.end();
      server = plane.startApiServer();
      await ready();
    },
    logs: () => server.tail(),
  };
}

/** A test does not tell its hooks whether a part of it failed; the exit code does. */
function showIfFailing(log: string): void {
  process.once("exit", (code) => {
    if (code !== 0) console.error(log);
  });
}

/** What is sent for a call of `Cluster.api`. */
function callOf(url: string, ca: ClusterCa, admin: ClusterUser) {
  return (method: Method, path: string, body?: unknown, options: ApiOptions = {}) => {
    const { as = admin, token, accept = "application/json", signal = AbortSignal.timeout(60_000) } = options;
    const { contentType = method === "PATCH" ? "application/merge-patch+json" : "application/json" } = options;
    const impersonated = typeof as === "string" && token === undefined ? { "impersonate-user": as } : undefined;
    const credential = token !== undefined ? undefined : typeof as === "string" ? admin.credential : as.credential;
    return {
      url: url + path,
      method,
      headers: {
        accept,
        ...(body === undefined ? {} : { "content-type": contentType }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...impersonated,
      },
      body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
      caPem: ca.certificatePem,
      credential,
      signal,
    };
  };
}

function built(name: string, path: string | undefined): string {
  if (path === undefined) throw new Error(`${name} is not built: run \`node test/tools/build.ts\``);
  return path;
}
