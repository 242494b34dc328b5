import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import { egressPolicy } from "../fakes/sidecar.ts";
import { testSigner, writeSigned, writeTrust } from "../fakes/signing.ts";
import { type BuiltImage, builtImage, LABELS, requireImages } from "./build-image.ts";
import { type Bundle, type BundleMount, runBundle, startBundle } from "./oci.ts";

const TREE = resolve(import.meta.dirname, "../..");
const APP = "usr/lib/sluice";
/** Without compression, in bytes: the engine is 150 MB of it. */
const BOUND = { router: 220e6, guard: 225e6 } as const;

const ROUTER = "20480:20480";
const ENGINE_FLAGS =
  /^#!.* node (.*)$/mu.exec(readFileSync(join(TREE, "cli/sluice.ts"), "utf8"))?.[1]?.split(" ") ?? [];

interface Entry {
  readonly mode: string;
  readonly owner: string;
  readonly bytes: number;
  readonly path: string;
}

/** What the layers hold, as tar tells it; a runtime has touched none of this. */
function entries(image: BuiltImage): readonly Entry[] {
  return image.blobs.flatMap((blob) => {
    const { stdout, status } = spawnSync("tar", ["--list", "--verbose", "--numeric-owner", "--file", blob], {
      encoding: "utf8",
      maxBuffer: 1 << 27,
    });
    assert.equal(status, 0);
    return stdout
      .trim()
      .split("\n")
      .map((line) => {
        const [mode = "", owner = "", bytes = "", , , ...name] = line.split(/\s+/u);
        return {
          mode,
          owner,
          bytes: Number(bytes),
          path: name
            .join(" ")
            .replace(/ -> .*/u, "")
            .replace(/^\.\/|\/$/gu, ""),
        };
      });
  });
}

/** The image as a kubelet starts it with the restricted profile: its own user and environment, nothing writable but what is mounted. */
function pod(image: BuiltImage, args: readonly string[], more: Partial<Bundle> = {}): Bundle {
  const { User = "", Env = [], Entrypoint = [] } = image.config.config;
  const [uid = 0, gid = 0] = User.split(":").map(Number);
  const env = Object.fromEntries(
    Env.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  return { rootfs: image.rootfs, args: [...Entrypoint, ...args], env, uid, gid, ...more };
}

/** A network namespace until the test ends, with a way out of both families that ends nowhere. */
function namespace(t: TestContext): string {
  const name = `sli${randomBytes(4).toString("hex")}`;
  const ip = (...args: readonly string[]): void => {
    const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
    assert.equal(status, 0, `ip ${args.join(" ")}: ${stderr}`);
  };
  ip("netns", "add", name);
  t.after(() => ip("netns", "delete", name));
  ip("-n", name, "link", "set", "lo", "up");
  ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", "nowhere");
  ip("-n", name, "link", "set", "nowhere", "up");
  ip("-n", name, "address", "add", "10.78.0.2/24", "dev", "eth0");
  ip("-n", name, "address", "add", "fd78::2/64", "dev", "eth0", "nodad");
  ip("-n", name, "link", "set", "eth0", "up");
  ip("-n", name, "route", "add", "default", "via", "10.78.0.1");
  ip("-n", name, "-6", "route", "add", "default", "via", "fd78::1");
  return name;
}

for (const target of ["router", "guard"] as const) {
  test(`${target}: who it runs as, how it starts, its labels`, requireImages(), () => {
    const { config, created } = builtImage(target).config;
    assert.equal(config.User, target === "router" ? ROUTER : "0:0");
    assert.deepEqual(config.Entrypoint, ["/usr/bin/node", ...ENGINE_FLAGS, `/${APP}/dist/cli/sluice.js`]);
    assert.ok(ENGINE_FLAGS.length >= 2);
    assert.deepEqual(config.Cmd, target === "router" ? ["run"] : ["guard", "install"]);
    assert.deepEqual(config.Env?.toSorted(), [
      "HOME=/var/lib/sluice",
      "MALLOC_ARENA_MAX=1",
      "NODE_ENV=production",
      "PATH=/usr/sbin:/usr/bin",
    ]);
    assert.deepEqual(Object.keys(config.ExposedPorts ?? {}), ["18090/tcp"]);
    assert.equal(config.StopSignal, "SIGTERM");
    assert.equal(config.Healthcheck, undefined);
    assert.equal(config.Volumes, undefined);
    assert.equal(Date.parse(created), Date.parse(LABELS.CREATED));
    const labels = config.Labels ?? {};
    const label = (name: string): string | undefined => labels[`org.opencontainers.image.${name}`];
    assert.equal(label("title"), `sluice-${target}`);
    assert.equal(label("licenses"), "Apache-2.0");
    assert.equal(label("source"), LABELS.SOURCE);
    assert.equal(label("version"), LABELS.VERSION);
    assert.equal(label("revision"), LABELS.REVISION);
    assert.equal(label("created"), LABELS.CREATED);
    assert.match(label("base.digest") ?? "", /^sha256:[0-9a-f]{64}$/u);
  });

  test(
    `INV-IMAGE-BARE: ${target}: no shell, no package manager, nothing setuid, nothing to write to, and under its bound`,
    requireImages(),
    () => {
      const all = entries(builtImage(target));
      assert.deepEqual(
        all.filter(({ mode }) => /[sS]|^[bcps]/u.test(mode)),
        [],
        "setuid, setgid, devices",
      );
      const writable = all.filter(
        ({ mode, path }) => !mode.startsWith("l") && /^.(?:....w|.......w)/u.test(mode) && path !== "tmp",
      );
      assert.deepEqual(writable, []);
      const owned = all.filter(({ owner }) => owner !== "0/0").map(({ owner, path }) => `${owner} ${path}`);
      assert.deepEqual(owned.toSorted(), [
        "20480/20480 var/lib/sluice",
        "20480/20480 var/log/sluice",
        "20480/20480 var/log/sluice/audit",
      ]);
      const programs = all.filter(
        ({ mode, path }) => /^-..x/u.test(mode) && !path.startsWith(`${APP}/`) && !path.includes(".so"),
      );
      const expected = [
        "usr/bin/node",
        "usr/bin/sluice",
        ...(target === "guard" ? ["usr/sbin/xtables-nft-multi"] : []),
      ];
      assert.deepEqual(programs.map(({ path }) => path).toSorted(), expected);
      const links = all.filter(({ mode }) => mode.startsWith("l")).map(({ path }) => path);
      const tools = ["ip6tables-nft-restore", "ip6tables-nft-save", "iptables-nft-restore", "iptables-nft-save"];
      assert.deepEqual(links.toSorted(), [
        "lib",
        "lib64",
        ...(target === "guard" ? tools.map((name) => `usr/sbin/${name}`) : []),
      ]);
      const size = all.reduce((sum, { bytes }) => sum + bytes, 0);
      assert.ok(size < BOUND[target], `${size} bytes`);
    },
  );

  test(`${target}: of the program only what runs`, requireImages(), () => {
    const paths = entries(builtImage(target))
      .filter(({ mode }) => !mode.startsWith("d"))
      .map(({ path }) => path);
    const app = paths.filter((path) => path.startsWith(`${APP}/`)).map((path) => path.slice(APP.length + 1));
    assert.deepEqual([...new Set(app.map((path) => path.split("/", 1)[0] ?? ""))].toSorted(), [
      "LICENSE",
      "dist",
      "node_modules",
      "package.json",
      "policies",
      "seccomp",
    ]);
    const odd = app.filter((path) =>
      /\.[cm]?ts$|\.map$|\.test\.|^dist\/(?:test|bench|packaging)|\/__tests__\//u.test(path),
    );
    assert.deepEqual(odd, []);
    assert.deepEqual(
      app.filter((path) => /^(?:policies|seccomp)\/.*\.[^/]+$/u.test(path) && !path.endsWith(".json")),
      [],
    );
    for (const name of ["npm", "typescript", "oxlint", "node", "fast-check", "corepack"])
      assert.ok(!app.some((path) => path.startsWith(`node_modules/${name}/`)), name);
    assert.ok(app.includes("policies/schema/RouterConfig.schema.json"));
    const names = new Set(paths.map((path) => basename(path)));
    for (const name of [
      "sh",
      "bash",
      "dash",
      "busybox",
      "env",
      "apt",
      "apt-get",
      "dpkg",
      "npm",
      "npx",
      "tsc",
      "curl",
      "su",
      "mount",
    ]) {
      assert.ok(!names.has(name), name);
    }
  });

  test(`${target}: runs as a stranger on a read-only root, also by the name of sluice`, requireImages(), async () => {
    const image = builtImage(target);
    const { code, stdout, stderr } = await runBundle(pod(image, ["guard", "print"], { uid: 31_337 }));
    assert.equal(code, 0, stderr);
    assert.match(stdout, /--uid-owner 20480/u);
    // As `kubectl exec -- sluice` finds it.
    const short = await runBundle({ ...pod(image, []), args: ["sluice", "guard", "print"] });
    assert.deepEqual([short.code, short.stdout], [0, stdout], short.stderr);
    const shell = await runBundle({ ...pod(image, []), args: ["/bin/sh", "-c", "true"] });
    assert.notEqual(shell.code, 0);
    assert.match(shell.stdout + shell.stderr, /no such file/u);
  });
}

test(
  "INV-IMAGE-CONFINED: router: without a capability, under its seccomp profile, on a read-only root it becomes ready, and ends with 0",
  requireImages(),
  async (t) => {
    const image = builtImage("router");
    const directory = mkdtempSync(join(tmpdir(), "sluice-image-"));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    chmodSync(directory, 0o755);
    const signer = testSigner();
    writeTrust(join(directory, "trust"), signer);
    writeSigned(join(directory, "policy"), "egress.yaml", egressPolicy(1, []), signer);
    const settings = [
      "identity: { namespace: test, pod: pod-1, agent: agent-1 }",
      "network: { nat64: { discover: false } }",
      "guard: { expected: false }",
    ];
    const config = [
      "apiVersion: sluice.dev/v1alpha1",
      "kind: RouterConfig",
      "spec:",
      ...settings.map((line) => `  ${line}`),
      "",
    ];
    writeFileSync(join(directory, "router.yaml"), config.join("\n"));
    const netns = namespace(t);
    const seccomp = readFileSync(join(image.rootfs, APP, "seccomp/sluice-router.json"), "utf8");
    const volume = (at: string): BundleMount => {
      const from = join(directory, basename(at));
      mkdirSync(from);
      // As an emptyDir comes.
      chmodSync(from, 0o777);
      return { at, from, write: true };
    };
    const mounts = [{ at: "/etc/sluice", from: directory }, volume("/var/lib/sluice"), volume("/var/log/sluice/audit")];
    const began = performance.now();
    await using router = startBundle(pod(image, image.config.config.Cmd ?? [], { netns, mounts, seccomp }));
    const poll = `for (;;) { try { if ((await fetch("http://127.0.0.1:18090/readyz")).ok) break; } catch {} await new Promise((r) => setTimeout(r, 10)); }`;
    const ready = spawn("ip", ["netns", "exec", netns, process.execPath, "--input-type=module", "-e", poll], {
      timeout: 20_000,
    });
    const code = await new Promise((settle) => ready.once("close", settle));
    assert.equal(code, 0, router.stdout() + router.stderr());
    const millis = Math.round(performance.now() - began);
    const pid = spawnSync("ip", ["netns", "pids", netns], { encoding: "utf8" }).stdout.trim().split("\n")[0] ?? "";
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const field = (name: string): string => new RegExp(`^${name}:\\s+(.*)$`, "mu").exec(status)?.[1] ?? "";
    assert.equal(field("Uid").split("\t")[1], "20480");
    assert.equal(field("Gid").split("\t")[1], "20480");
    for (const name of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      assert.equal(field(name), "0".repeat(16), name);
    assert.equal(field("NoNewPrivs"), "1");
    assert.equal(field("Seccomp"), "2");
    const anonymous = Number.parseInt(field("RssAnon"), 10);
    assert.ok(anonymous > 0 && anonymous < 120_000, `RssAnon ${anonymous} kB`);
    t.diagnostic(`ready after ${millis} ms; VmRSS ${field("VmRSS")}, RssAnon ${field("RssAnon")}`);
    router.signal("TERM");
    const ended = await router.ended;
    assert.equal(ended.code, 0, ended.stdout + ended.stderr);
  },
);

test(
  "guard: prints without privilege; installs, verifies and removes with NET_ADMIN alone",
  requireImages(),
  async (t) => {
    const image = builtImage("guard");
    const netns = namespace(t);
    const printed = await runBundle(pod(image, ["guard", "print"], { uid: 31_337 }));
    assert.equal(printed.code, 0, printed.stderr);
    assert.match(printed.stdout, /--uid-owner 20480/u);
    const powerless = await runBundle(pod(image, ["guard", "install"], { netns }));
    assert.notEqual(powerless.code, 0);
    const admin = { netns, caps: ["CAP_NET_ADMIN"] };
    for (const [verb, word] of [
      ["install", "installed"],
      ["install", "installed"],
      ["verify", "verified"],
      ["remove", "removed"],
    ] as const) {
      const { code, stdout, stderr } = await runBundle(pod(image, ["guard", verb], admin));
      assert.equal(code, 0, `${verb}: ${stdout}${stderr}`);
      assert.match(stdout, new RegExp(`^guard ${word}: .*ipv4.* \\(nft\\)`, "u"));
      const rules = spawnSync("ip", ["netns", "exec", netns, "iptables-nft-save"], { encoding: "utf8" }).stdout;
      assert.equal(rules.includes("--uid-owner 20480"), verb !== "remove");
    }
  },
);

test("router: has no iptables, and says so", requireImages(), async () => {
  const image = builtImage("router");
  const { code, stderr } = await runBundle(
    pod(image, ["guard", "install"], { uid: 0, gid: 0, caps: ["CAP_NET_ADMIN"] }),
  );
  assert.equal(code, 69, stderr);
});
