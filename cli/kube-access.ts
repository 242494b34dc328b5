import type { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { parseIpAddress } from "../router/core/wire/ip-address.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";

/** Which cluster, as whom: what a kubeconfig says, or the service account of the pod. */
export interface KubeChoice {
  /** Undefined: `KUBECONFIG`, then `~/.kube/config`, then the pod's service account. */
  readonly kubeconfig: string | undefined;
  /** Undefined: the kubeconfig's current one. */
  readonly context: string | undefined;
}

/** A connection that the kubeconfig's credentials and trust are bound to. The shape is undici's. */
export interface KubeSender {
  request(options: {
    readonly origin: string;
    readonly path: string;
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string | null;
    readonly headersTimeout: number;
    readonly bodyTimeout: number;
    readonly signal: AbortSignal;
  }): Promise<{
    readonly statusCode: number;
    readonly headers: Readonly<Record<string, string | string[] | undefined>>;
    readonly body: AsyncIterable<Uint8Array>;
  }>;
  destroy(): Promise<void>;
}

export interface KubeAccess {
  readonly origin: string;
  /** Before every path, without a slash at the end. */
  readonly prefix: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly sender: KubeSender;
  /** Of the context; undefined: it names none. */
  readonly namespace: string | undefined;
}

type Authenticated = Parameters<KubeConfig["applySecurityAuthentication"]>[0];

/**
 * Reads kubeconfig and credentials; an exec plugin that it names is run. The problem is one sentence, whose words may be the
 * kubeconfig's or the plugin's. Only the library's reader of kubeconfigs is loaded: 0.4 s, of which its API is most.
 */
export async function openKubeAccess({ kubeconfig, context }: KubeChoice): Promise<Result<KubeAccess, string>> {
  const library = await import("@kubernetes/client-node/dist/config.js");
  let config = new library.KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    return fail(`The kubeconfig cannot be read: ${messageOf(error)}`);
  }
  if (context !== undefined) config.setCurrentContext(context);
  const { currentContext } = config;
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (cluster === null || user === null) {
    return fail(`The kubeconfig has no whole context ${JSON.stringify(currentContext)}: name one with --context.`);
  }
  // What the library falls back to.
  if (kubeconfig === undefined && cluster.server === "http://localhost:8080") {
    return fail("There is no kubeconfig: set KUBECONFIG, or name one with --kubeconfig.");
  }
  const server = URL.parse(cluster.server);
  if (server === null || server.search !== "" || server.hash !== "" || server.username !== "") {
    return fail("The kubeconfig's server is no URL of an API server.");
  }
  const { hostname, protocol } = server;
  const isNear = hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
  if (protocol !== "https:" && !(protocol === "http:" && isNear)) {
    return fail("The kubeconfig's server is not https: credentials are not sent there.");
  }
  const namespace = config.getContextObject(currentContext)?.namespace;
  if (cluster.tlsServerName === undefined && parseIpAddress(hostname.replaceAll(/[[\]]/g, "")) === undefined) {
    // Without any setting of TLS the library makes no connection of its own.
    config = new library.KubeConfig();
    config.loadFromClusterAndUser({ ...cluster, tlsServerName: hostname }, user);
  }
  const headers: Record<string, string> = {};
  const made: { sender?: KubeSender } = {};
  try {
    await config.applySecurityAuthentication({
      setHeaderParam: (name: string, value: string) => void (headers[name.toLowerCase()] = value),
      setDispatcher: (dispatcher: KubeSender) => void (made.sender = dispatcher),
    } as unknown as Authenticated);
  } catch (error) {
    return fail(`The kubeconfig's credentials cannot be had: ${messageOf(error)}`);
  }
  if (made.sender === undefined)
    return fail("The kubeconfig's cluster has an address, and no authority that vouches for it.");
  const prefix = server.pathname.replace(/\/+$/, "");
  return ok({ origin: server.origin, prefix, headers, sender: made.sender, namespace });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
