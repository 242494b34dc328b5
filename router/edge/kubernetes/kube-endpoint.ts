import { isIP } from "node:net";
import { fail, ok, type Result } from "../../core/base/result.ts";

/** A text, or the file where it is kept: the kubelet renews tokens in place. */
export type KubeSecret = { readonly file: string } | { readonly text: string };

export type KubeCredential =
  | { readonly kind: "token"; readonly token: KubeSecret }
  | { readonly kind: "certificate"; readonly certificate: KubeSecret; readonly key: KubeSecret }
  | { readonly kind: "none" };

/** An API server, and who we are there. */
export interface KubeEndpoint {
  /** `https://host:port`, with a path in front of all others or without; `http` to loopback only. */
  readonly url: string;
  /** PEM: nobody else's certificates count. Undefined: the roots that Node carries. */
  readonly ca: KubeSecret | undefined;
  readonly credential: KubeCredential;
}

export interface InCluster {
  /** KUBERNETES_SERVICE_HOST: an address or a name. */
  readonly host: string;
  /** KUBERNETES_SERVICE_PORT. */
  readonly port: string;
  readonly tokenFile: string;
  readonly caFile: string;
}

const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i;
const PORT = /^[1-9][0-9]{0,4}$/;

/** The endpoint that every pod is told of by its environment. */
export function inCluster({ host, port, tokenFile, caFile }: InCluster): Result<KubeEndpoint, string> {
  const isAddress = isIP(host) !== 0;
  if (!isAddress && !NAME.test(host)) return fail("KUBERNETES_SERVICE_HOST is no address and no name.");
  if (!PORT.test(port) || Number(port) > 65_535) return fail("KUBERNETES_SERVICE_PORT is no port.");
  const authority = isIP(host) === 6 ? `[${host}]` : host;
  return ok({
    url: `https://${authority}:${port}`,
    ca: { file: caFile },
    credential: { kind: "token", token: { file: tokenFile } },
  });
}

/** An endpoint's URL in parts that a request needs. */
export interface KubeOrigin {
  readonly scheme: "http" | "https";
  /** Without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** Empty, or begins with "/" and ends without. */
  readonly prefix: string;
}

/** The problem does not repeat the URL. */
export function kubeOrigin(url: string): Result<KubeOrigin, string> {
  if (url.length > 2_048 || !URL.canParse(url)) return fail("The API server's URL cannot be read.");
  const { protocol, hostname, port, pathname, search, hash, username, password } = new URL(url);
  if (protocol !== "https:" && protocol !== "http:") return fail("The API server's URL begins with https://.");
  if (username !== "" || password !== "" || search !== "" || hash !== "") {
    return fail("The API server's URL has neither user nor query nor fragment.");
  }
  const scheme = protocol === "https:" ? "https" : "http";
  const plain = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  if (scheme === "http" && !isLoopback(plain)) return fail("An API server is spoken to over https, or over loopback.");
  return ok({
    scheme,
    hostname: plain,
    port: port === "" ? (scheme === "https" ? 443 : 80) : Number(port),
    prefix: pathname.replace(/\/+$/, ""),
  });
}

function isLoopback(hostname: string): boolean {
  return hostname === "::1" || (isIP(hostname) === 4 && hostname.startsWith("127."));
}
