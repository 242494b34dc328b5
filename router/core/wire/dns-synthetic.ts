import type { Cidr } from "./cidr.ts";
import { addressFromOctets, type IpAddress } from "./ip-address.ts";

/** An address of a network whose bits behind the prefix are those of `digest`, which has at least 16 octets. */
export function syntheticAddress({ octets, prefixLength }: Cidr, digest: Uint8Array): IpAddress {
  return addressFromOctets(
    octets.map((octet, index) => {
      const covered = Math.min(8, Math.max(0, prefixLength - index * 8));
      return octet | ((digest[index] ?? 0) & (0xff >> covered));
    }),
  );
}
