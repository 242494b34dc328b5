import type { LookupFunction } from "node:net";
import { parseHostname } from "../../core/wire/hostname.ts";
import { isIpv6 } from "../../core/wire/ip-address.ts";
import type { NameResolver } from "./resolver.ts";

/** Name resolution for Node's own clients that goes through the router's resolver. */
export function lookupWith(resolve: NameResolver["resolve"]): LookupFunction {
  return (hostname, options, callback) => {
    const look = async (): Promise<void> => {
      const name = parseHostname(hostname);
      // The question ends by the resolver's own deadline.
      const answer = name.ok ? await resolve(name.value, new AbortController().signal) : name;
      const found = answer.ok ? answer.value.map((address) => ({ address, family: isIpv6(address) ? 6 : 4 })) : [];
      const [first] = found;
      if (first === undefined) callback(dnsError(), []);
      else if (options.all === true) callback(null, found);
      else callback(null, first.address, first.family);
    };
    void look();
  };
}

function dnsError(): NodeJS.ErrnoException {
  return Object.assign(new Error("the name has no address"), { code: "ENOTFOUND" });
}
