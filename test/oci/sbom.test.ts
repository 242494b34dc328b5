import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { bill } from "../../packaging/cyclonedx.ts";
import { installedPackages } from "../../packaging/installed-packages.ts";
import { type Lock, type LockEntry, lockParts } from "../../packaging/lock-parts.ts";
import { nodePart, systemParts } from "../../packaging/system-parts.ts";
import { billProblems } from "./bill-problems.ts";
import { builtImage, requireImages } from "./build-image.ts";

const TREE = resolve(import.meta.dirname, "../..");
const INTEGRITY = `sha512-${Buffer.alloc(64, 7).toString("base64")}`;
const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

function lock(packages: Readonly<Record<string, LockEntry>>): Lock {
  return { lockfileVersion: 3, packages };
}

const entry = (version: string, more: LockEntry = {}): LockEntry => ({
  version,
  integrity: INTEGRITY,
  license: "MIT",
  ...more,
});

test("a bill of a lock: names, hashes, and which of two versions a package needs", () => {
  const packages = lock({
    "": { dependencies: { a: "1", "@s/b": "2" } },
    "node_modules/a": entry("1.0.0", { dependencies: { "@s/b": "1" } }),
    "node_modules/a/node_modules/@s/b": entry("1.5.0"),
    "node_modules/@s/b": entry("2.0.0", { optionalDependencies: { mac: "1" } }),
    "node_modules/mac": entry("1.0.0", { optional: true }),
    "node_modules/dev": entry("1.0.0", { dev: true }),
  });
  const installed = new Map([
    ["node_modules/a", "1.0.0"],
    ["node_modules/a/node_modules/@s/b", "1.5.0"],
    ["node_modules/@s/b", "2.0.0"],
  ]);
  const parts = lockParts(packages, installed);
  assert.ok(parts.ok);
  assert.deepEqual(
    parts.value.components.map(({ purl }) => purl),
    ["pkg:npm/a@1.0.0", "pkg:npm/%40s/b@1.5.0", "pkg:npm/%40s/b@2.0.0"],
  );
  assert.deepEqual(parts.value.components[0]?.hashes, [{ alg: "SHA-512", content: "07".repeat(64) }]);
  assert.deepEqual(parts.value.dependencies[0]?.dependsOn, ["@s/b@1.5.0|node_modules/a/node_modules/@s/b"]);
  assert.deepEqual(parts.value.needs, ["@s/b@2.0.0|node_modules/@s/b", "a@1.0.0|node_modules/a"]);
  const subject = { type: "application", "bom-ref": "x@1", name: "x", version: "1" } as const;
  const one = bill(subject, parts.value.needs, [parts.value], 0, digest);
  assert.deepEqual(billProblems(one), []);
  assert.deepEqual(bill(subject, parts.value.needs, [parts.value], 0, digest), one);
});

for (const [name, installed, packages, problem] of [
  ["a package that the lock does not have", ["a", "evil"], { a: entry("1") }, "node_modules/evil is not in the lock"],
  ["a package for development", ["a"], { a: entry("1", { dev: true }) }, "node_modules/a is for development"],
  ["another version", ["a"], { a: entry("2") }, "node_modules/a is 1, the lock says 2"],
  ["no integrity", ["a"], { a: { version: "1" } }, "node_modules/a has no integrity in the lock"],
  [
    "an integrity of an unknown kind",
    ["a"],
    { a: entry("1", { integrity: "md5-AAAA" }) },
    "node_modules/a has no integrity in the lock",
  ],
  ["a package that is missing", [], { a: entry("1") }, "node_modules/a is missing"],
] as const) {
  test(`INV-IMAGE-BILL: no bill of ${name}`, () => {
    const places = Object.fromEntries(Object.entries(packages).map(([at, value]) => [`node_modules/${at}`, value]));
    const parts = lockParts(lock(places), new Map(installed.map((at) => [`node_modules/${at}`, "1"])));
    assert.deepEqual(parts, { ok: false, problem: [problem] });
  });
}

test("the distribution's packages with their files, files of nobody, and what the engine was linked with", () => {
  const sha256 = "ab".repeat(32);
  const parts = systemParts(
    {
      distribution: { id: "debian", version: "12" },
      packages: [
        { name: "libstdc++6", version: "1:12+dfsg", architecture: "amd64", source: "gcc", sourceVersion: "12" },
      ],
      files: [
        { path: "/usr/lib/libstdc++.so.6", sha256, package: "libstdc++6" },
        { path: "/opt/x", sha256 },
        { path: "/usr/bin/node", sha256 },
      ],
    },
    "/usr/bin/node",
  );
  assert.deepEqual(
    parts.components.map(({ purl, name }) => purl ?? name),
    ["pkg:deb/debian/libstdc%2B%2B6@1%3A12%2Bdfsg?arch=amd64&distro=debian-12", "/opt/x"],
  );
  assert.ok(parts.components[0]?.properties?.some(({ value }) => value === `/usr/lib/libstdc++.so.6 sha256:${sha256}`));
  const engine = nodePart({ node: "26.10.0", openssl: "3.5", modules: "147" }, sha256);
  assert.deepEqual(
    engine.components?.map(({ name, version }) => [name, version]),
    [["openssl", "3.5"]],
  );
});

test("the rules of CycloneDX that a bill is held to find what is wrong with one", () => {
  const subject = { type: "application", "bom-ref": "x", name: "x" } as const;
  const twice = {
    type: "library",
    "bom-ref": "a",
    name: "a",
    version: "1",
    purl: "a",
    hashes: [{ alg: "SHA-512", content: "AB=" }],
  } as const;
  const dependencies = [{ ref: "a", dependsOn: ["b"] }];
  const wrong = {
    ...bill(subject, ["x"], [{ components: [twice, twice], dependencies }], 0, digest),
    serialNumber: "urn:uuid:1",
  };
  assert.deepEqual(billProblems(wrong), [
    "serialNumber",
    "bom-ref a twice",
    "purl of a",
    "hash of a",
    "purl of a",
    "hash of a",
    "dependency x of itself",
    "dependency a on b, which is not there",
  ]);
});

test(
  "every image's bill: as CycloneDX has it, whole, and the same as what the target for export holds",
  requireImages(),
  () => {
    const { packages } = JSON.parse(readFileSync(join(TREE, "package-lock.json"), "utf8")) as Lock;
    for (const target of ["router", "guard"] as const) {
      const { rootfs } = builtImage(target);
      const text = readFileSync(join(rootfs, `usr/share/sbom/sluice-${target}.cdx.json`), "utf8");
      assert.equal(readFileSync(join(builtImage("sbom").rootfs, `sluice-${target}.cdx.json`), "utf8"), text);
      const said = JSON.parse(text) as ReturnType<typeof bill>;
      assert.deepEqual(billProblems(said), []);
      const purls = new Set(said.components.map(({ purl }) => purl));
      const installed = installedPackages(join(rootfs, "usr/lib/sluice"));
      for (const [place, { version = "", dev, optional }] of Object.entries(packages)) {
        if (place === "" || dev === true || (optional === true && !installed.has(place))) continue;
        const name = place.slice(place.lastIndexOf("node_modules/") + 13);
        assert.ok(purls.has(`pkg:npm/${name.replace("@", "%40")}@${version}`), place);
      }
      assert.equal(said.components.filter(({ purl }) => purl?.startsWith("pkg:npm/") === true).length, installed.size);
      assert.ok(said.components.some(({ name, version }) => name === "node" && version === process.versions.node));
      assert.equal(
        said.components.some(({ name }) => name === "iptables"),
        target === "guard",
      );
      assert.ok(said.components.some(({ name }) => name === "libc6"));
    }
  },
);

test("the program writes a bill of what is built where it stands, and none of what the lock does not know", () => {
  const program = [join(TREE, "packaging/sbom.ts"), "--app", TREE];
  // This tree's node_modules holds packages for development too.
  const { status, stdout, stderr } = spawnSync(process.execPath, program, { encoding: "utf8", cwd: TREE });
  assert.equal(status, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /^sbom: node_modules\/typescript is for development$/mu);
});
