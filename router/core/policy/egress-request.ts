import type { Port } from "../base/quantity.ts";
import type { Host } from "../wire/host.ts";

/**
 * What an agent asks for, normalised. A `tunnel` is CONNECT (its content is judged by the rule's protocol
 * afterwards: ClientHello for tls, each inner request for http); `http` is one plain-HTTP request.
 */
export type EgressRequest =
  | { readonly via: "tunnel"; readonly host: Host; readonly port: Port }
  | {
      readonly via: "http";
      readonly host: Host;
      readonly port: Port;
      /** As sent; methods are case-sensitive (RFC 9110 section 9.1). */
      readonly method: string;
      /** The path of the request-target without its query, as sent, beginning with "/". */
      readonly path: string;
    };
