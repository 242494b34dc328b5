/** IPv4 and IPv6 get the same rules, each from its own tool. */
export type Family = "ipv4" | "ipv6";

/** The listeners of the sidecar, contract.md "Names and numbers". The rules name them; nothing here opens them. */
export const PORTS = {
  forward: 18_080,
  http: 18_081,
  dns: 18_053,
  agentApi: 18_084,
  tls: 18_443,
  admin: 18_090,
} as const;

/** The sidecar's UID: the only one that may leave the pod. Never an application's. */
export const ROUTER_UID = 20_480;

export interface GuardSettings {
  readonly routerUid: number;
  /** The highest UID mapped in this user namespace; the kernel refuses an owner range that ends beyond it. */
  readonly lastUid: number;
  /** Ports 443, 80 and 53 of everybody but the router lead to the router's listeners. Without: they are refused. */
  readonly redirect: boolean;
}
