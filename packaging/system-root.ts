/**
 * Puts programs of this machine and what they load into an empty root, for an image made from nothing:
 * `node packaging/system-root.ts --root DIR --manifest FILE [--without FILE] FILE... [PATH=FILE]...`. Of each program or library the
 * shared libraries that ldd names come along; of each package of Debian that a file is from, its entry (where scanners look for it) and
 * its copyright. What another manifest has is left out (`--without`). The manifest says what lies where and whose it is.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import type { SystemFiles, SystemPackage } from "./system-parts.ts";

/** Made when a package is configured, so that dpkg does not know them. */
const GENERATED: ReadonlyMap<string, string> = new Map([["/etc/ssl/certs/ca-certificates.crt", "ca-certificates"]]);

const { values, positionals } = parseArgs({
  options: { root: { type: "string" }, manifest: { type: "string" }, without: { type: "string" } },
  allowPositionals: true,
});
const { root, manifest, without } = values;
if (root === undefined || manifest === undefined) throw new Error("--root and --manifest are needed");

const before = without === undefined ? undefined : (JSON.parse(readFileSync(without, "utf8")) as SystemFiles);
const there = new Set(before?.files.map(({ path }) => path));
const packages = new Map<string, SystemPackage>();
const files = new Map<string, SystemFiles["files"][number]>();

for (const name of ["lib", "lib64"]) linkAsHere(root, name);
for (const word of positionals) {
  const [to = "", from = to] = word.split("=", 2);
  add(from, to === from ? settled(to) : to);
  for (const library of librariesOf(from)) add(library, settled(library));
}
for (const { name } of packages.values()) {
  const copyright = `/usr/share/doc/${name}/copyright`;
  if (existsSync(copyright)) place(copyright, copyright, 0o644);
  const entry = join(root, "var/lib/dpkg/status.d", name);
  mkdirSync(dirname(entry), { recursive: true });
  writeFileSync(entry, output("dpkg-query", ["--status", name]) ?? "");
}
const release = readFileSync("/etc/os-release", "utf8");
const written: SystemFiles = {
  distribution: { id: releaseField("ID"), version: releaseField("VERSION_ID") },
  packages: [...packages.values()].toSorted((left, right) => (left.name < right.name ? -1 : 1)),
  files: [...files.values()].toSorted((left, right) => (left.path < right.path ? -1 : 1)),
};
writeFileSync(manifest, JSON.stringify(written, undefined, 1));

function add(from: string, to: string): void {
  if (there.has(to) || files.has(to)) return;
  place(from, to, (statSync(from).mode & 0o111) === 0 ? 0o644 : 0o755);
  const owner = GENERATED.get(to) ?? ownerOf(from);
  const sha256 = createHash("sha256").update(readFileSync(from)).digest("hex");
  files.set(to, { path: to, sha256, ...(owner === undefined ? {} : { package: owner }) });
  if (owner === undefined || packages.has(owner) || before?.packages.some(({ name }) => name === owner) === true)
    return;
  const format = ["Version", "Architecture", "source:Package", "source:Version"]
    .map((field) => `\${${field}}`)
    .join("\t");
  const fields = output("dpkg-query", ["--show", `--showformat=${format}`, owner])?.split("\t") ?? [];
  const [version = "", architecture = "", source = "", sourceVersion = ""] = fields;
  packages.set(owner, { name: owner, version, architecture, source, sourceVersion });
}

/** The content, whatever links lead to it; no more rights than are read or run. */
function place(from: string, to: string, mode: number): void {
  const path = join(root ?? "", to);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(realpathSync(from), path);
  chmodSync(path, mode);
}

/** The name stays (the loader asks for it), the directory is the real one. */
function settled(path: string): string {
  return join(realpathSync(dirname(path)), basename(path));
}

function librariesOf(path: string): readonly string[] {
  const listed = output("ldd", [path]) ?? "";
  if (/not found/u.test(listed)) throw new Error(`ldd ${path}:\n${listed}`);
  return listed.split("\n").flatMap((line) => /(?:=> )?(\/\S+) \(0x/u.exec(line)?.[1] ?? []);
}

/** Debian names a file as it was packed, which may be before /lib became a link to /usr/lib. */
function ownerOf(path: string): string | undefined {
  const real = realpathSync(path);
  for (const name of [real, real.replace(/^\/usr\//u, "/"), path]) {
    const owner = /^([^:,\s]+)(?::\S+)?: /u.exec(output("dpkg-query", ["--search", name]) ?? "")?.[1];
    if (owner !== undefined) return owner;
  }
  return undefined;
}

function linkAsHere(directory: string, name: string): void {
  if (before !== undefined || realpathSync(`/${name}`) === `/${name}`) return;
  mkdirSync(directory, { recursive: true });
  symlinkSync(readlinkSync(`/${name}`), join(directory, name));
}

function releaseField(name: string): string {
  return new RegExp(`^${name}="?([^"\n]*)"?$`, "mu").exec(release)?.[1] ?? "";
}

function output(program: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(program, args, {
    encoding: "utf8",
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
  });
  return status === 0 ? stdout : undefined;
}
