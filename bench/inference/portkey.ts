import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../test/fakes/ports.ts";
import { ended, untilOpen } from "../proxy/peers.ts";
import { on } from "./cores.ts";
import type { Gateway } from "./gateway.ts";

const pinned = join(import.meta.dirname, "peers/portkey");
const place = join(import.meta.dirname, "../../.cache/bench/portkey");
const FILES = ["package.json", "package-lock.json", ".npmrc"] as const;
const PACKAGE = "@portkey-ai/gateway";
const READY_WITHIN = 15_000;

/** Installs what is pinned, unless it is there. A sentence where it cannot be had. */
export function installPortkey(): string | undefined {
  const lock = readFileSync(join(pinned, "package-lock.json"), "utf8");
  const stamp = join(place, "installed.json");
  if (readText(stamp) === lock) return undefined;
  mkdirSync(place, { recursive: true });
  for (const file of FILES) copyFileSync(join(pinned, file), join(place, file));
  // Its scripts patch nothing that it needs to run.
  const { status } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: place,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) return `npm ci could not install ${PACKAGE}`;
  writeFileSync(stamp, lock);
  return undefined;
}

export function portkeyVersion(): string {
  const { dependencies } = JSON.parse(readFileSync(join(pinned, "package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  return `${PACKAGE} ${dependencies[PACKAGE]}`;
}

/** As it runs itself (`node build/start-server.js`), in production mode, without retries, budget, cache or log. */
export async function startPortkey(originPort: number, cores: string | undefined): Promise<Gateway | string> {
  const missing = installPortkey();
  if (missing !== undefined) return missing;
  const port = await freePort();
  const [program = process.execPath, ...before] = [...on(cores), process.execPath];
  const server = join(place, "node_modules", PACKAGE, "build/start-server.js");
  const began = performance.now();
  const child = spawn(program, [...before, server, `--port=${port}`, "--headless"], {
    stdio: "ignore",
    // oxlint-disable-next-line node/no-process-env -- another program's environment
    env: { ...process.env, NODE_ENV: "production" },
  });
  if (child.pid === undefined || !(await untilOpen(port, READY_WITHIN))) {
    await ended(child);
    return `${PACKAGE} did not start`;
  }
  return {
    name: "Portkey",
    port,
    pid: child.pid,
    headers: [
      "Authorization: Bearer sk-provider-secret-0123456789",
      "x-portkey-provider: openai",
      `x-portkey-custom-host: http://127.0.0.1:${originPort}/v1`,
    ],
    readyMillis: performance.now() - began,
    stop: async () => ended(child),
  };
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
