import { request } from "node:http";
import { type Millis, millis } from "../../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../../router/core/base/result.ts";
import { isIpv6, parseIpAddress } from "../../router/core/wire/ip-address.ts";
import { cidrContains, parseCidr } from "../../router/core/wire/cidr.ts";
import { safeText } from "../../router/core/wire/safe-text.ts";
import { type PodReport, readPodReport } from "./pod-report.ts";

const PORT = 18_090;
const DEADLINE = millis(3_000);
/** Approvals by the thousand and all conditions fit. */
const MOST_OCTETS = 512 * 1024;
/**
 * No pod has such an address, but for those of tests: whoever may write a pod's status must not have us ask this machine, a
 * metadata service, a group, or any of them in the clothes of IPv6.
 */
const NEVER = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "168.63.129.16/32",
  "100.100.100.200/32",
  "224.0.0.0/3",
  "::/96",
  "::ffff:0:0/96",
  "64:ff9b::/96",
  "2002::/16",
  "fe80::/10",
  "fd00:ec2::/32",
  "fd20:ce::254/128",
  "ff00::/8",
].map((text) => {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`${text} is no block`);
  return cidr;
});

export interface PodAskerOptions {
  /** Also pods on this machine's loopback: tests have no others. */
  readonly loopback?: boolean;
  /** Of the whole answer. */
  readonly deadline?: Millis;
}

export type AskPod = (address: string, signal: AbortSignal) => Promise<Result<PodReport, string>>;

/**
 * Asks a pod's router for `/status`: by address, no name is resolved, no redirect followed, bounded in octets and time. The problem is
 * one sentence, safe to print.
 */
export function podAsker({ loopback = false, deadline = DEADLINE }: PodAskerOptions = {}): AskPod {
  return async (address, signal) => {
    const parsed = parseIpAddress(address);
    if (parsed === undefined) return fail("The pod's address is none.");
    if (!loopback && NEVER.some((cidr) => cidrContains(cidr, parsed)))
      return fail("No pod has the address that this one has.");
    const text = await get(
      isIpv6(parsed) ? `[${parsed}]` : parsed,
      AbortSignal.any([signal, AbortSignal.timeout(deadline)]),
    );
    if (!text.ok) return text;
    const report = readPodReport(text.value);
    return report === undefined ? fail("The pod's answer is no status.") : ok(report);
  };
}

async function get(host: string, signal: AbortSignal): Promise<Result<string, string>> {
  return new Promise((resolve) => {
    const no = (why: string): void => resolve(fail(why));
    const asking = request(`http://${host}:${PORT}/status`, { agent: false, signal, maxHeaderSize: 8_192 });
    asking.on("error", (error) =>
      no(signal.aborted ? "The pod did not answer in time." : `The pod does not answer: ${cause(error)}`),
    );
    asking.on("response", (response) => {
      const parts: Buffer[] = [];
      let octets = 0;
      response.on("error", () => no("The pod's answer broke off."));
      response.on("data", (part: Buffer) => {
        octets += part.length;
        if (octets > MOST_OCTETS) {
          no(`The pod's answer has more than ${MOST_OCTETS} octets.`);
          asking.destroy();
        } else parts.push(part);
      });
      response.on("end", () => {
        if (response.statusCode === 200) resolve(ok(Buffer.concat(parts).toString("utf8")));
        else no(`The pod answered ${response.statusCode ?? 0}.`);
      });
      response.on("close", () => no("The pod's answer broke off."));
    });
    asking.end();
  });
}

function cause(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : error.message;
  return safeText(code, 64);
}
