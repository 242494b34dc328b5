import type { IpAddress } from "../../core/wire/ip-address.ts";
import { isIpv6 } from "../../core/wire/ip-address.ts";

/** RFC 8305 section 4: families take turns, beginning with that of the first address; within a family the order stays. */
export function interleaveFamilies(addresses: readonly IpAddress[]): readonly IpAddress[] {
  const [first] = addresses;
  if (first === undefined) return [];
  const mine = addresses.filter((address) => isIpv6(address) === isIpv6(first));
  const others = addresses.filter((address) => isIpv6(address) !== isIpv6(first));
  return mine
    .flatMap((address, index) => {
      const other = others[index];
      return other === undefined ? [address] : [address, other];
    })
    .concat(others.slice(mine.length));
}
