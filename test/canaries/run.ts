import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

interface Canary {
  readonly name: string;
  /** Where its texts stand in the tree while it is tried: one file, or a second one named `<name>-2`. */
  readonly path: string;
  readonly secondPath?: string;
  readonly tool: readonly [string, ...string[]];
  /** What the tool must say when it refuses. */
  readonly says: RegExp;
}

/** Each of these must FAIL its check: a rule that nobody has seen fail is not a rule. */
const canaries: readonly Canary[] = [
  {
    name: "cycle",
    path: "router/core/base/canary-one.ts",
    secondPath: "router/core/base/canary-two.ts",
    tool: ["oxlint", "router/core/base"],
    says: /no-cycle/,
  },
  {
    name: "node-in-core",
    path: "router/core/wire/canary.ts",
    tool: ["tsc", "-b", "router/core"],
    says: /TS2(307|591|580)/,
  },
  {
    name: "clock-in-core",
    path: "router/core/policy/canary.ts",
    tool: ["oxlint", "router/core/policy"],
    says: /no-restricted-globals/,
  },
  {
    name: "core-room-order",
    path: "router/core/wire/canary.ts",
    tool: ["oxlint", "router/core/wire"],
    says: /core\/wire may import/,
  },
  {
    name: "edge-to-edge",
    path: "router/edge/listeners/canary.ts",
    tool: ["oxlint", "router/edge/listeners"],
    says: /never another edge room/,
  },
  {
    name: "socket-outside-upstream",
    path: "router/app/canary.ts",
    tool: ["oxlint", "router/app"],
    says: /edge\/upstream alone opens sockets/,
  },
  {
    name: "forged-permit",
    path: "router/app/canary.ts",
    tool: ["tsc", "-b", "router/app"],
    says: /Property .#(?:private|minted). is missing/,
  },
  {
    name: "minted-outside-policy",
    path: "router/app/canary.ts",
    tool: ["oxlint", "router/app"],
    says: /minted by core\/policy only/,
  },
  {
    name: "forgotten-variant",
    path: "router/app/canary.ts",
    tool: ["oxlint", "--type-aware", "router/app"],
    says: /switch-exhaustiveness-check/,
  },
  {
    name: "clock-in-judge",
    path: "controller/judge/canary.ts",
    tool: ["oxlint", "controller/judge"],
    says: /no-restricted-globals/,
  },
  {
    name: "controller-room-order",
    path: "controller/judge/canary.ts",
    tool: ["oxlint", "controller/judge"],
    says: /controller imports router\/core/,
  },
  {
    name: "environment-outside-config",
    path: "router/app/canary.ts",
    tool: ["oxlint", "router/app"],
    says: /no-process-env/,
  },
];

/** Tries each canary in a copy of the tree; true when every one was refused, with the words expected. */
export function runCanaries(): boolean {
  const root = resolve(import.meta.dirname, "../..");
  const copy = mkdtempSync(join(tmpdir(), "sluice-canary-"));
  let alive = 0;
  try {
    for (const entry of ["router", "controller", "seccomp", ".oxlintrc.json", "tsconfig.base.json", "package.json"]) {
      cpSync(join(root, entry), join(copy, entry), { recursive: true });
    }
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    for (const canary of canaries) {
      const placed = [canary.path, ...(canary.secondPath === undefined ? [] : [canary.secondPath])];
      for (const [index, path] of placed.entries()) {
        const text = `test/canaries/${canary.name}${index === 0 ? "" : "-2"}.txt`;
        writeFileSync(join(copy, path), readFileSync(join(root, text)));
      }
      const [program, ...rest] = canary.tool;
      const run = spawnSync(join(root, "node_modules/.bin", program), rest, { cwd: copy, encoding: "utf8" });
      for (const path of placed) rmSync(join(copy, path));
      const output = `${run.stdout}${run.stderr}`;
      if (run.status !== 0 && canary.says.test(output)) continue;
      alive += 1;
      console.error(
        `canary ${canary.name} was NOT refused by ${canary.tool.join(" ")} (exit ${run.status})\n${output.slice(0, 2_000)}`,
      );
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  console.log(`check: ${canaries.length - alive} of ${canaries.length} canaries refused`);
  return alive === 0;
}
