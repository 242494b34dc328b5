import type { Port } from "../base/quantity.ts";
import type { Host } from "../wire/host.ts";

/**
 * What an agent asks for, normalised. A `tunnel` is CONNECT, SOCKS or redirected TLS (its content is judged by the
 * rule's protocol afterwards: ClientHello for tls, each inner request for http and inspected tls); `http` is one request
 * that we can read.
 */
export type EgressRequest =
  | { readonly via: "tunnel"; readonly host: Host; readonly port: Port }
  | {
      readonly via: "http";
      /** Over TLS that ends here: inside an inspected tunnel, or of the fetch tool. */
      readonly secure?: boolean;
      readonly host: Host;
      readonly port: Port;
      /** As sent; methods are case-sensitive (RFC 9110 section 9.1). */
      readonly method: string;
      /** The path of the request-target without its query, as sent, beginning with "/". */
      readonly path: string;
      /** The values of a field (lower-case name) in the order sent; without it, no rule about fields allows. */
      readonly header?: (name: string) => readonly string[];
    };
