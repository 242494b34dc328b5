import { readFileSync } from "node:fs";
import { requirement } from "../require.ts";

/** What is redirected leads to ports 443 and 80 of origins, and not every user may listen there. */
export const lowPorts = requirement("low-ports", mayListen(), "needs leave to listen on ports 80 and 443");

function mayListen(): boolean {
  if (process.getuid?.() === 0) return true;
  try {
    return Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8")) <= 80;
  } catch {
    return false;
  }
}
