import { type Port, portOf } from "../base/quantity.ts";
import { type IpAddress, parseIpAddress } from "../wire/ip-address.ts";
import { integer } from "./integer-shape.ts";
import { quoted } from "./quoted.ts";
import { refined } from "./refined-shape.ts";
import type { Shape } from "./shape.ts";
import { text } from "./text-shape.ts";

/** A TCP or UDP port, written as a number. */
export const port: Shape<Port> = refined(integer({ minimum: 1, maximum: 65_535, code: "bad_port" }), (value) =>
  portOf(value),
);

/** An IPv4 or IPv6 address in its canonical spelling, without brackets, zone or prefix length. */
export const ipAddress: Shape<IpAddress> = refined(
  text({ maximum: 45 }),
  (given, node, report) => {
    const address = parseIpAddress(given);
    if (address === undefined) {
      report.add(node, "bad_address", `${quoted(given)} is no IPv4 or IPv6 address.`);
    } else if (address !== given) {
      report.add(node, "address_not_canonical", `Write the address as ${quoted(address)}.`);
      return undefined;
    }
    return address;
  },
  { pattern: "^[0-9a-f.:]+$" },
);
