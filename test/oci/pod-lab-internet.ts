import { Actor } from "../netns/actor.ts";
import { Lab } from "../netns/lab.ts";
import { testCa } from "../fakes/origins.ts";

/** What somebody outside was sent. */
export interface Seen {
  readonly over: "tcp" | "udp";
  readonly to: string;
  readonly port: number;
  readonly from: string;
  readonly fromPort: number;
  /** Of DNS the name that was asked for, else how it began. */
  readonly text: string;
}

/** What came out of the pod, at the outer end of its cable. */
export interface Frame {
  readonly protocol: number;
  readonly from: string;
  readonly to: string;
  readonly fromPort?: number;
  readonly toPort?: number;
  readonly text: string;
  /** Of ICMP. */
  readonly type?: number;
}

type DnsEntry = Readonly<Partial<Record<"A" | "AAAA", readonly string[]>>> | { readonly CNAME: string };

/** Whom the allowed name leads to: ordinary addresses of the Internet, which outside are somebody. */
export const ALLOWED = { host: "allowed.example", ipv4: "45.33.100.10", ipv6: "2600:3c00::100:10" } as const;

/** What the pod's resolver knows. Names below rebind.example are allowed by policy, and lead where nobody may go. */
const NAMES: Readonly<Record<string, DnsEntry>> = {
  [ALLOWED.host]: { A: [ALLOWED.ipv4], AAAA: [ALLOWED.ipv6] },
  "loopback.rebind.example": { A: ["127.0.0.1"], AAAA: ["::1"] },
  "metadata.rebind.example": { A: ["169.254.169.254"], AAAA: ["fd00:ec2::254"] },
  "pod.rebind.example": { A: ["10.77.0.2"], AAAA: ["fd77::2"] },
  "node.rebind.example": { A: ["10.77.0.1"], AAAA: ["fe80::1"] },
  "mapped.rebind.example": { AAAA: ["::ffff:127.0.0.1"] },
  "nat64.rebind.example": { AAAA: ["64:ff9b::a9fe:a9fe"] },
  "alias.rebind.example": { CNAME: "internal.corp.example" },
  "internal.corp.example": { A: ["10.96.0.1"] },
};

/** A pod's network with the Internet around it. */
export class Internet implements AsyncDisposable {
  readonly lab = new Lab();
  readonly #actor = new Actor(this.lab.outside, "../oci/attempts/internet.py", [], []);

  static async open(): Promise<Internet> {
    const internet = new Internet();
    try {
      const { certificatePem, keyPem } = testCa().issue([ALLOWED.host]);
      await internet.#actor.ask({ do: "begin", names: NAMES, certificate: certificatePem, key: keyPem });
      await internet.lab.sniffer.ask({ do: "mark" });
    } catch (error) {
      await internet[Symbol.asyncDispose]();
      throw error;
    }
    return internet;
  }

  /** From the node's end of the cable, as the kubelet asks. */
  async get(host: string, port: number, path: string): Promise<{ readonly status: number; readonly body: string }> {
    return (await this.#actor.ask({ do: "get", host, port, path })) as { status: number; body: string };
  }

  async seen(): Promise<readonly Seen[]> {
    return (await this.#actor.ask({ do: "seen" }))["seen"] as readonly Seen[];
  }

  /** Since the last time. The kernel's own search for neighbours is no part of it. */
  async frames(): Promise<readonly Frame[]> {
    const { frames } = (await this.lab.sniffer.ask({ do: "frames" })) as unknown as { frames: readonly Frame[] };
    return frames.filter(({ protocol, type = 0 }) => protocol !== 58 || ![133, 135, 136].includes(type));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#actor.end();
    await this.lab[Symbol.asyncDispose]();
  }
}
