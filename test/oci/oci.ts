import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { requirement } from "../require.ts";

const RUNC = "runc";
const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const TREE = resolve(import.meta.dirname, "../..");

/** A directory of the host, or memory, as a path of the container. Read-only unless `write` is set. */
export interface BundleMount {
  readonly at: string;
  /** A path of the host; left out: a tmpfs of this container's own, writable by everybody. */
  readonly from?: string;
  readonly write?: boolean;
}

/** One container, as a kubelet would have a runtime start it. */
export interface Bundle {
  readonly rootfs: string;
  readonly args: readonly string[];
  /** The whole environment; PATH has a default. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Default 1000, and for the group what the UID is. */
  readonly uid?: number;
  readonly gid?: number;
  /** `CAP_NET_ADMIN` and so on: permitted, effective, inheritable, bounding, and ambient, if the UID is not 0. Default: none. */
  readonly caps?: readonly string[];
  /** The text or the parsed form of a profile as `localhostProfile` names one; left out: unconfined. */
  readonly seccomp?: string | object;
  /** Name (`ip netns`) or path of a network namespace; left out: a new one with loopback alone. */
  readonly netns?: string;
  readonly mounts?: readonly BundleMount[];
  /** The root file system; default true. */
  readonly readonly?: boolean;
  /** `allowPrivilegeEscalation: false`; default true. */
  readonly noNewPrivileges?: boolean;
  readonly stdin?: string;
  /** What it says is said by this process too, as it comes. */
  readonly echo?: boolean;
  /** Then it is killed, and `code` is undefined. Default 60,000. */
  readonly timeoutMs?: number;
}

export interface Ran {
  /** Undefined where it did not end by itself; 128 + n where signal n ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A container that runs. Dispose it: that kills it and takes its files away. */
export interface Running extends AsyncDisposable {
  readonly id: string;
  readonly ended: Promise<Ran>;
  /** What it has said on standard output so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** To its first process. */
  readonly signal: (name: string) => void;
}

/** Options for `test(name, requireOci(), ...)`. */
export function requireOci(): { readonly skip: string | false } {
  return requirement("oci", haveOci(), "needs root and a runc that can start a container with a seccomp profile");
}

let have: boolean | undefined;

/** Whether a container with a filter of system calls starts here: asked by starting one. */
export function haveOci(): boolean {
  have ??= tried();
  return have;
}

function tried(): boolean {
  if (process.getuid?.() !== 0) return false;
  if (spawnSync(RUNC, ["--version"], { env: { PATH: SYSTEM_PATH } }).status !== 0) return false;
  const { directory, id } = write({
    ...hostRoot(),
    args: ["/usr/bin/true"],
    seccomp: { defaultAction: "SCMP_ACT_ALLOW", syscalls: [] },
  });
  const run = spawnSync(RUNC, ["--root", join(directory, "state"), "run", "--bundle", directory, id], {
    env: { PATH: SYSTEM_PATH },
    timeout: 20_000,
  });
  rmSync(directory, { recursive: true, force: true });
  return run.status === 0;
}

let host: { readonly rootfs: string; readonly mounts: readonly BundleMount[] } | undefined;

/**
 * The host's programs as a root file system: /usr and /etc, this source tree and the running node, all read-only, and a /tmp
 * in memory. Spread it into a bundle; it holds no file of its own.
 */
export function hostRoot(): { readonly rootfs: string; readonly mounts: readonly BundleMount[] } {
  if (host !== undefined) return host;
  const rootfs = mkdtempSync(join(tmpdir(), "sluice-oci-root-"));
  for (const name of ["usr", "etc", "proc", "dev", "tmp", "run", "var"]) mkdirSync(join(rootfs, name));
  // Whoever runs in the container must be able to enter its root.
  chmodSync(rootfs, 0o755);
  // runc gives a tmpfs the mode of the directory that it covers.
  chmodSync(join(rootfs, "tmp"), 0o1777);
  for (const name of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(rootfs, name));
  process.on("exit", () => rmSync(rootfs, { recursive: true, force: true }));
  const from = (path: string): BundleMount => ({ at: path, from: path });
  const node = dirname(dirname(process.execPath));
  const mounts = [from("/usr"), from("/etc"), { at: "/tmp" }, from(TREE)];
  host = { rootfs, mounts: node.startsWith(`${TREE}/`) || node === "/usr" ? mounts : [...mounts, from(node)] };
  return host;
}

/** Runs a container to its end. */
export async function runBundle(bundle: Bundle): Promise<Ran> {
  const running = startBundle(bundle);
  try {
    return await running.ended;
  } finally {
    await running[Symbol.asyncDispose]();
  }
}

/** Starts a container. */
export function startBundle(bundle: Bundle): Running {
  const { directory, id } = write(bundle);
  const root = ["--root", join(directory, "state")];
  const child = spawn(RUNC, [...root, "run", "--bundle", directory, id], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: SYSTEM_PATH },
  });
  const out = collector(child.stdout);
  const err = collector(child.stderr);
  if (bundle.echo === true) {
    child.stdout.pipe(process.stdout, { end: false });
    child.stderr.pipe(process.stderr, { end: false });
  }
  child.stdin.on("error", () => {});
  child.stdin.end(bundle.stdin ?? "");
  const runc = (...args: readonly string[]) =>
    void spawnSync(RUNC, [...root, ...args], { env: { PATH: SYSTEM_PATH }, timeout: 20_000 });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    runc("kill", id, "KILL");
  }, bundle.timeoutMs ?? 60_000);
  const ended = ending(child).then((code) => {
    clearTimeout(timer);
    return { code: late ? undefined : code, stdout: out(), stderr: err() };
  });
  return {
    id,
    ended,
    stdout: out,
    stderr: err,
    signal: (name) => runc("kill", id, name),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        runc("kill", id, "KILL");
        const hard = setTimeout(() => child.kill("SIGKILL"), 5000);
        await ended;
        clearTimeout(hard);
      }
      runc("delete", "--force", id);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function collector(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => (text += chunk));
  return () => text;
}

async function ending(child: ChildProcess): Promise<number | undefined> {
  return new Promise((settle, failed) => {
    child.on("error", failed);
    child.on("close", (code) => settle(code ?? undefined));
  });
}

/** Writes the bundle's config.json into a directory of its own. */
function write(bundle: Bundle): { readonly directory: string; readonly id: string } {
  const directory = mkdtempSync(join(tmpdir(), "sluice-oci-"));
  writeFileSync(join(directory, "config.json"), JSON.stringify(runtimeSpec(bundle)));
  return { directory, id: `sluice-${randomBytes(6).toString("hex")}` };
}

/** The bundle in the OCI runtime specification's form, 1.0.2. No rlimits: setting them needs CAP_SYS_RESOURCE. */
export function runtimeSpec(bundle: Bundle): object {
  const { uid = 1000, gid = uid, caps = [] } = bundle;
  const sets = ["bounding", "effective", "inheritable", "permitted", ...(uid === 0 ? [] : ["ambient"])];
  const path = bundle.netns?.includes("/") === false ? `/run/netns/${bundle.netns}` : bundle.netns;
  const { seccomp } = bundle;
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid, gid },
      args: bundle.args,
      env: Object.entries({ PATH: SYSTEM_PATH, ...bundle.env }).map(([name, value]) => `${name}=${value}`),
      cwd: bundle.cwd ?? "/",
      capabilities: Object.fromEntries(sets.map((set) => [set, caps])),
      noNewPrivileges: bundle.noNewPrivileges ?? true,
    },
    root: { path: bundle.rootfs, readonly: bundle.readonly ?? true },
    hostname: "sluice",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
      {
        destination: "/dev/shm",
        type: "tmpfs",
        source: "shm",
        options: ["nosuid", "nodev", "mode=1777", "size=65536k"],
      },
      ...(bundle.mounts ?? []).map(mountEntry),
    ],
    linux: {
      namespaces: [
        ...["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
        { type: "network", ...(path === undefined ? {} : { path }) },
      ],
      maskedPaths: ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
      ...(seccomp === undefined ? {} : { seccomp: typeof seccomp === "string" ? JSON.parse(seccomp) : seccomp }),
    },
  };
}

function mountEntry({ at, from, write = false }: BundleMount): object {
  const mode = write ? "rw" : "ro";
  return from === undefined
    ? { destination: at, type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "mode=1777"] }
    : { destination: at, type: "bind", source: from, options: ["rbind", mode, "nosuid", "nodev"] };
}
