import { fail, ok, type Result } from "../router/core/base/result.ts";
import { OWN } from "./rule-set.ts";
import { type Family, ROUTER_UID } from "./settings.ts";
import type { RunTool } from "./tool.ts";

export type BackendName = "nft" | "legacy";

/** One set of programs: `iptables-nft` stands for `iptables-nft-restore`, `ip6tables-nft-save` and so on. */
export interface Backend {
  readonly name: BackendName;
  /** `-nft`, `-legacy`, or nothing for the distribution's choice. */
  readonly suffix: string;
}

export interface NoBackend {
  /** `tools_missing`: no such programs. `tools_unusable`: they are there, and each was refused by the kernel. */
  readonly code: "tools_missing" | "tools_unusable";
  readonly message: string;
}

/** nft first: it needs no lock file and no NET_RAW, and newer kernels come without the legacy tables. */
const CANDIDATES: readonly Backend[] = [
  { name: "nft", suffix: "-nft" },
  { name: "nft", suffix: "" },
  { name: "legacy", suffix: "-legacy" },
  { name: "legacy", suffix: "" },
];

export function command(backend: Backend, family: Family, action: "restore" | "save"): string {
  return `${family === "ipv4" ? "iptables" : "ip6tables"}${backend.suffix}-${action}`;
}

/**
 * The first backend that works here. To install, it must show that the kernel has the owner match: a chain that
 * nothing jumps to is made with it and taken out again. To read or remove, it must hold our chains, where any does.
 */
export async function findBackend(
  run: RunTool,
  wanted: BackendName | undefined,
  purpose: "install" | "read",
): Promise<Result<Backend, NoBackend>> {
  const refused: string[] = [];
  const usable: Backend[] = [];
  for (const backend of CANDIDATES) {
    if (wanted !== undefined && backend.name !== wanted) continue;
    const restore = command(backend, "ipv4", "restore");
    const version = await run(restore, ["--version"], "");
    if (version.status === "missing" || kindOf(version.stdout) !== backend.name) continue;
    const saved = await run(command(backend, "ipv4", "save"), [], "");
    if (saved.status === "missing") continue;
    if (saved.code !== 0) {
      refused.push(`${restore}: ${complaint(saved.stderr)}`);
      continue;
    }
    if (purpose === "read") {
      if (saved.stdout.includes(`:${OWN}`)) return ok(backend);
      usable.push(backend);
      continue;
    }
    const probed = await run(restore, ["--noflush", "--wait", "10"], OWNER_PROBE);
    if (probed.status === "exited" && probed.code === 0) return ok(backend);
    refused.push(
      `${restore}: no owner match (${probed.status === "exited" ? complaint(probed.stderr) : probed.status})`,
    );
  }
  const [first] = usable;
  if (first !== undefined) return ok(first);
  if (refused.length > 0) return fail({ code: "tools_unusable", message: refused.join("; ") });
  return fail({
    code: "tools_missing",
    message: `no iptables-restore${wanted === undefined ? "" : ` (${wanted})`} here`,
  });
}

/** `iptables-restore v1.8.9 (nf_tables)`, `(legacy)`; before 1.8 there was only legacy and no word for it. */
function kindOf(version: string): BackendName {
  return version.includes("nf_tables") ? "nft" : "legacy";
}

const OWNER_PROBE = [
  "*filter",
  `:${OWN}PROBE - [0:0]`,
  `-A ${OWN}PROBE -m owner --uid-owner ${ROUTER_UID} -j RETURN`,
  "COMMIT",
  "*filter",
  `-F ${OWN}PROBE`,
  `-X ${OWN}PROBE`,
  "COMMIT",
  "",
].join("\n");

/** What a tool complained of, in one line. */
export function complaint(stderr: string): string {
  return stderr.trim().replaceAll(/\s+/g, " ").slice(0, 300);
}
