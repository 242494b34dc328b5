import type { Shape } from "./shape.ts";
import { type IpAddress, parseIpAddress } from "../wire/ip-address.ts";
import { canonical } from "./canonical-shape.ts";

/** An IPv4 or IPv6 address, without brackets, zone or prefix length. */
export const ipAddress: Shape<IpAddress> = canonical({
  noun: "address",
  maximum: 45,
  pattern: /^[0-9a-f.:]+$/,
  hint: "an IPv4 or IPv6 address is needed.",
  parse: (given) => {
    const value = parseIpAddress(given);
    return value === undefined ? undefined : { value, canonical: value };
  },
});
