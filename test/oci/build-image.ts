/**
 * The images of Dockerfile.router, built here without a registry: `node test/oci/build-image.ts` makes a base with debootstrap from
 * this machine's own mirror of Debian, the running node and its npm; then `builtImage(target)` is a root file system under
 * `.cache/oci/`. Both stay there until what they are made of changes. Needs root, buildah, debootstrap, and npm's registry.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { requirement } from "../require.ts";
import { haveOci } from "./oci.ts";

const TREE = resolve(import.meta.dirname, "../..");
const CACHE = join(TREE, ".cache/oci");
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const STORE = ["--root", join(CACHE, "store"), "--runroot", join(CACHE, "run"), "--storage-driver", "vfs"];
/** What the image needs of the distribution; each brings what it depends on. */
const PACKAGES = ["ca-certificates", "iptables", "libatomic1", "libstdc++6"];
/** Raised when a base is made in another way. */
const RECIPE = "1";
/** Any moment: equal inputs give equal images. */
const EPOCH = "1790000000";

export const LABELS = {
  SOURCE: "git:sluice",
  VERSION: "0.1.0",
  REVISION: "0123456789abcdef0123456789abcdef01234567",
  CREATED: "2026-09-21T14:13:20Z",
} as const;

export const TARGETS = ["router", "guard", "sbom"] as const;
export type Target = (typeof TARGETS)[number];

export interface BuiltImage {
  /** Unpacked; share it, read-only. A runtime may have added mount points. */
  readonly rootfs: string;
  /** Of the image's configuration, and of each layer as it would be pushed. */
  readonly digest: string;
  readonly layers: readonly string[];
  /** Layers as compressed tar files, from the lowest up. */
  readonly blobs: readonly string[];
  readonly config: ImageConfig;
}

/** The part of the OCI image configuration that tests look at. */
export interface ImageConfig {
  readonly created: string;
  readonly config: {
    readonly User?: string;
    readonly Env?: readonly string[];
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly ExposedPorts?: Readonly<Record<string, object>>;
    readonly Labels?: Readonly<Record<string, string>>;
    readonly StopSignal?: string;
    readonly Healthcheck?: object;
    readonly Volumes?: object;
  };
}

/** Options for a test that needs the images. */
export function requireImages(): { readonly skip: string | false } {
  const tools = ["buildah", "debootstrap"].every((name) => PATH.split(":").some((at) => existsSync(join(at, name))));
  return requirement("oci", tools && haveOci(), "needs root, runc, buildah and debootstrap");
}

/** Builds what is missing; one process at a time, whoever else asks waits. The first time takes minutes. */
export function builtImage(target: Target): BuiltImage {
  mkdirSync(CACHE, { recursive: true });
  const program = ["--exclusive", join(CACHE, "lock"), process.execPath, import.meta.filename];
  const directory = run("flock", program, process.env).trim();
  return JSON.parse(readFileSync(join(directory, `${target}.json`), "utf8")) as BuiltImage;
}

/** All targets of one state of the tree, in a directory named by it; the path of that. */
function buildAll(): string {
  const base = baseImage();
  const directory = join(
    CACHE,
    `images-${hash([base, EPOCH, JSON.stringify(LABELS), ...contextFiles().map(contents)])}`,
  );
  if (existsSync(directory)) return directory;
  rmSync(`${directory}.new`, { recursive: true, force: true });
  heavyBuild(base);
  for (const target of TARGETS) lightBuild(base, target, `${directory}.new`, directory);
  renameSync(`${directory}.new`, directory);
  prune(directory);
  return directory;
}

/** Builds everything once more; the digests of the layers that came out otherwise. */
function differingLayers(): readonly string[] {
  const images = buildAll();
  const again = `${images}-again.new`;
  rmSync(again, { recursive: true, force: true });
  heavyBuild(baseImage());
  const layersOf = (directory: string, target: Target): readonly string[] =>
    (JSON.parse(readFileSync(join(directory, `${target}.json`), "utf8")) as BuiltImage).layers;
  const differing = TARGETS.flatMap((target) => {
    lightBuild(baseImage(), target, again, again);
    const before = new Set(layersOf(images, target));
    return layersOf(again, target)
      .filter((layer) => !before.has(layer))
      .map((layer) => `${target} ${layer}`);
  });
  rmSync(again, { recursive: true, force: true });
  return differing;
}

function lightBuild(base: string, target: Target, directory: string, later: string): void {
  bud(base, target, ["--build-context", "build=container-image://localhost/sluice-build"]);
  save(target, `localhost/sluice-${target}`, directory, later);
}

/** The stage that the others copy from. */
function heavyBuild(base: string): void {
  const npmrc = join(homedir(), ".npmrc");
  const ca = "/etc/ssl/certs/ca-certificates.crt";
  const secrets = Object.entries({ npmrc, ca }).filter(([, file]) => existsSync(file));
  bud(
    base,
    "build",
    secrets.flatMap(([id, src]) => ["--secret", `id=${id},src=${src}`]),
  );
}

function bud(base: string, target: string, options: readonly string[]): void {
  const settings = {
    BASE_IMAGE: `localhost/sluice-base:${base}`,
    BASE_DIGEST: `sha256:${base}`,
    SOURCE_DATE_EPOCH: EPOCH,
    ...LABELS,
  };
  const fixed = [
    "--isolation",
    "chroot",
    "--pull=never",
    "--force-rm",
    "--identity-label=false",
    "--layers=false",
    "--timestamp",
    EPOCH,
  ];
  const words = Object.entries(settings).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]);
  const tag = ["--tag", `localhost/sluice-${target}`];
  const file = join(TREE, "Dockerfile.router");
  buildah(["bud", ...fixed, ...words, ...options, "--file", file, "--target", target, ...tag, TREE]);
}

/** Takes the image out of the store: its layers as tar files, and unpacked over each other. */
function save(target: Target, image: string, directory: string, later: string): void {
  const layout = join(directory, `${target}-layout`);
  const rootfs = join(directory, target);
  mkdirSync(rootfs, { recursive: true });
  buildah(["push", "--quiet", image, `oci:${layout}`]);
  const blob = (digest: string): string => join(layout, "blobs/sha256", digest.replace("sha256:", ""));
  const json = (file: string): unknown => JSON.parse(readFileSync(file, "utf8"));
  const index = json(join(layout, "index.json")) as { manifests: readonly [{ digest: string }] };
  const manifest = json(blob(index.manifests[0].digest)) as {
    config: { digest: string };
    layers: readonly { digest: string }[];
  };
  const layers = manifest.layers.map(({ digest }) => digest);
  for (const layer of layers)
    run("tar", ["--extract", "--numeric-owner", "--same-permissions", "--file", blob(layer), "--directory", rootfs]);
  const built: BuiltImage = {
    rootfs: join(later, target),
    digest: manifest.config.digest,
    layers,
    blobs: layers.map((layer) => blob(layer).replace(directory, later)),
    config: json(blob(manifest.config.digest)) as ImageConfig,
  };
  writeFileSync(join(directory, `${target}.json`), JSON.stringify(built));
}

/** A base by the digest of its layer; made where there is none of these packages, this node and this npm. */
function baseImage(): string {
  const npm = npmDirectory();
  const { version } = JSON.parse(readFileSync(join(npm, "package.json"), "utf8")) as { version: string };
  const key = hash([RECIPE, PACKAGES.join(), process.version, version, process.arch]).slice(0, 16);
  const known = join(CACHE, `base-${key}`);
  if (existsSync(known)) return readFileSync(known, "utf8");
  const root = mkdtempSync(join(tmpdir(), "sluice-base-"));
  const { suite, mirror } = distribution();
  const program = ["debootstrap", "--variant=minbase", `--include=${PACKAGES.join()}`, suite, root, mirror];
  const quick = existsSync("/usr/bin/eatmydata") ? ["eatmydata", ...program] : program;
  run(quick[0] ?? "", quick.slice(1));
  mkdirSync(join(root, "usr/local/lib/node_modules"), { recursive: true });
  cpSync(process.execPath, join(root, "usr/local/bin/node"), { dereference: true });
  cpSync(npm, join(root, "usr/local/lib/node_modules/npm"), { recursive: true });
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(root, "usr/local/bin/npm"));
  for (const rest of globSync(["var/cache/apt/*", "var/lib/apt/lists/*", "var/log/*", "usr/share/{man,locale}"], {
    cwd: root,
  })) {
    rmSync(join(root, rest), { recursive: true, force: true });
  }
  const container = buildah(["from", "scratch"]).trim();
  buildah(["add", "--quiet", container, root, "/"]);
  const image = buildah(["commit", "--quiet", "--rm", "--timestamp", "0", container]).trim();
  buildah(["tag", image, `localhost/sluice-base:${image}`]);
  rmSync(root, { recursive: true, force: true });
  writeFileSync(known, image);
  return image;
}

/** The mirror that apt is set to, for the release that runs here. */
function distribution(): { readonly suite: string; readonly mirror: string } {
  const suite = /^VERSION_CODENAME=(\S+)$/mu.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "";
  const format = ["--format", "$(COMPONENT) $(RELEASE) $(REPO_URI)"];
  const targets = run("apt-get", ["indextargets", ...format, "Identifier: Packages"]);
  const mirror = targets
    .split("\n")
    .find((line) => line.startsWith(`main ${suite} `))
    ?.split(" ")[2];
  if (mirror === undefined) throw new Error(`apt has no source for ${suite}; it has ${targets}`);
  return { suite, mirror };
}

/** The npm that this machine's users get. */
function npmDirectory(): string {
  for (const directory of (process.env["PATH"] ?? "").split(":")) {
    const program = join(directory, "npm");
    if (existsSync(program)) return resolve(realpathSync(program), "../..");
  }
  throw new Error("no npm on the PATH");
}

/** The files that .dockerignore lets through: its lines are `!path`, and what none of them names stays out. */
function contextFiles(): readonly string[] {
  const lines = readFileSync(join(TREE, ".dockerignore"), "utf8").split("\n");
  const paths = lines.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
  const inside = paths.flatMap((path) => globSync([path, `${path}/**`], { cwd: TREE }));
  return ["Dockerfile.router", ".dockerignore", ...inside]
    .filter((path) => statSync(join(TREE, path)).isFile() && basename(path) !== ".tsbuildinfo")
    .toSorted();
}

function contents(path: string): Buffer {
  return Buffer.concat([Buffer.from(`\0${path}\0`), readFileSync(join(TREE, path))]);
}

function hash(parts: readonly (string | Buffer)[]): string {
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part);
  return digest.digest("hex");
}

/** States of the tree that are an hour old and are not this one; images without a name. */
function prune(keep: string): void {
  for (const name of globSync("images-*", { cwd: CACHE })) {
    const old = join(CACHE, name);
    if (old !== keep && Date.now() - statSync(old).mtimeMs > 3_600_000) rmSync(old, { recursive: true, force: true });
  }
  buildah(["rmi", "--prune", "--force"]);
}

function buildah(args: readonly string[]): string {
  return run("buildah", [...STORE, ...args], { ...process.env, PATH });
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = { PATH, LC_ALL: "C" }): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    env,
    cwd: TREE,
    maxBuffer: 1 << 28,
  });
  if (status === 0) return stdout;
  throw new Error(
    `${program} ${args.join(" ")}: ${error?.message ?? `exit ${status}`}\n${(stdout + stderr).slice(-4000)}`,
  );
}

if (import.meta.main) {
  if (process.argv[2] === "--again") {
    const differing = differingLayers();
    for (const line of differing) process.stdout.write(`${line}\n`);
    process.exitCode = differing.length === 0 ? 0 : 1;
  } else process.stdout.write(`${buildAll()}\n`);
}
