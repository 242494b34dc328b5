import { existsSync, readdirSync, readFileSync } from "node:fs";

/**
 * Whether this network namespace speaks IPv6. `absent`: not in the kernel. `disabled`: every interface, those yet
 * to come included, has it switched off; the guard is installed where it can be. `enabled`: it must be.
 */
export type Ipv6Stack = "absent" | "disabled" | "enabled";

export function ipv6Stack(proc: string): Ipv6Stack {
  if (!existsSync(`${proc}/net/if_inet6`)) return "absent";
  const interfaces = `${proc}/sys/net/ipv6/conf`;
  // Without the switches nothing says that it is off.
  if (!existsSync(interfaces)) return "enabled";
  const off = readdirSync(interfaces).every(
    (name) => readFileSync(`${interfaces}/${name}/disable_ipv6`, "utf8").trim() === "1",
  );
  return off ? "disabled" : "enabled";
}
