import { BARE_NETWORK } from "../policy/network.ts";
import { classifyAddress } from "../policy/special-use.ts";
import type { Host } from "../wire/host.ts";

/**
 * Whether an operator can allow it at run time: a special-use address (link-local, a cloud's metadata service, loopback
 * ...), or one that carries such a one, needs a rule in the signed policy that names it. Where a name leads is judged at
 * the dial, by the same measure.
 */
export function isApprovable(host: Host): boolean {
  return host.kind === "name" || BARE_NETWORK.aliases(host.text).every((address) => classifyAddress(address).global);
}
