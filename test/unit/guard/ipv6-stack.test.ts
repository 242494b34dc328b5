import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ipv6Stack } from "../../../init-egress-guard/ipv6-stack.ts";

for (const [name, ifInet6, disabled, expected] of [
  ["not in the kernel", undefined, undefined, "absent"],
  ["on", "", { all: "0", default: "0", lo: "0" }, "enabled"],
  ["off everywhere", "", { all: "1", default: "1", lo: "1", eth0: "1" }, "disabled"],
  ["on for one interface", "", { all: "1", default: "1", lo: "1", eth0: "0" }, "enabled"],
  ["on for interfaces yet to come", "", { all: "1", default: "0", lo: "1" }, "enabled"],
  ["no switches to see", "", undefined, "enabled"],
] as const) {
  test(name, () => {
    const proc = mkdtempSync(join(tmpdir(), "sluice-proc-"));
    try {
      mkdirSync(join(proc, "net"));
      if (ifInet6 !== undefined) writeFileSync(join(proc, "net/if_inet6"), ifInet6);
      for (const [device, value] of Object.entries(disabled ?? {})) {
        mkdirSync(join(proc, "sys/net/ipv6/conf", device), { recursive: true });
        writeFileSync(join(proc, "sys/net/ipv6/conf", device, "disable_ipv6"), `${value}\n`);
      }
      assert.equal(ipv6Stack(proc), expected);
    } finally {
      rmSync(proc, { recursive: true });
    }
  });
}
