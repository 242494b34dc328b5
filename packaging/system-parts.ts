import type { Component, Parts } from "./cyclonedx.ts";

/** A package of the distribution, as dpkg-query tells of it. */
export interface SystemPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly source: string;
  readonly sourceVersion: string;
}

/** What `system-root.ts` has put into a root: the files, whose they are, and of which distribution. */
export interface SystemFiles {
  /** `ID` and `VERSION_ID` of os-release. */
  readonly distribution: { readonly id: string; readonly version: string };
  readonly packages: readonly SystemPackage[];
  /** `package` is left out where no package has the file; `sha256` is in hex. */
  readonly files: readonly { readonly path: string; readonly sha256: string; readonly package?: string }[];
}

/** The distribution's packages, and by themselves the files that are of none. `node` is among those, and has a component of its own. */
export function systemParts({ distribution, packages, files }: SystemFiles, nodePath: string): Parts {
  const { id, version } = distribution;
  const components = packages.map((entry): Component => {
    const source = `${entry.source}@${entry.sourceVersion}`;
    const qualifiers = [`arch=${entry.architecture}`, `distro=${id}-${version}`];
    return {
      type: "library",
      "bom-ref": `${id}:${entry.name}@${entry.version}`,
      name: entry.name,
      version: entry.version,
      purl: `pkg:deb/${id}/${encodeURIComponent(entry.name)}@${encodeURIComponent(entry.version)}?${qualifiers.join("&")}`,
      properties: [
        { name: "sluice:source-package", value: source },
        ...files
          .filter((file) => file.package === entry.name)
          .map(({ path, sha256 }) => ({ name: "sluice:file", value: `${path} sha256:${sha256}` })),
      ],
    };
  });
  const loose = files
    .filter((file) => file.package === undefined && file.path !== nodePath)
    .map((file): Component => ({
      type: "file",
      "bom-ref": `file:${file.path}`,
      name: file.path,
      hashes: [{ alg: "SHA-256", content: file.sha256 }],
    }));
  const all = [...components, ...loose];
  return { components: all, dependencies: all.map((component) => ({ ref: component["bom-ref"], dependsOn: [] })) };
}

/** The engine, and inside it what it was linked with (`process.versions`): an advisory for OpenSSL is one for this binary. */
export function nodePart(versions: Readonly<Record<string, string>>, sha256: string): Component {
  const { node = "", ...linked } = versions;
  return {
    type: "application",
    "bom-ref": `node@${node}`,
    name: "node",
    version: node,
    purl: `pkg:generic/node@${node}`,
    cpe: `cpe:2.3:a:nodejs:node.js:${node}:*:*:*:*:*:*:*`,
    hashes: [{ alg: "SHA-256", content: sha256 }],
    licenses: [{ expression: "MIT" }],
    components: Object.entries(linked)
      // `modules` and `napi` are numbers of interfaces, not of programs.
      .filter(([name]) => name !== "modules" && name !== "napi")
      .map(([name, version]) => ({ type: "library", "bom-ref": `node@${node}/${name}`, name, version })),
  };
}
