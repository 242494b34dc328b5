/**
 * The part of CycloneDX 1.6 (ECMA-424) that a bill of this product's images uses. Licences are SPDX expressions; hashes are in hex.
 */
export interface Component {
  readonly type: "application" | "container" | "file" | "library";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly cpe?: string;
  readonly hashes?: readonly { readonly alg: "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512"; readonly content: string }[];
  readonly licenses?: readonly { readonly expression: string }[];
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
  readonly components?: readonly Component[];
}

/** `ref` needs each of `dependsOn`; both are `bom-ref`s of the same bill. */
export interface Dependency {
  readonly ref: string;
  readonly dependsOn: readonly string[];
}

/** Some components and what they need of each other, as one source knows them. */
export interface Parts {
  readonly components: readonly Component[];
  readonly dependencies: readonly Dependency[];
}

export interface Bill {
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.6";
  /** `urn:uuid:` and a UUID. */
  readonly serialNumber: string;
  readonly version: 1;
  readonly metadata: {
    readonly timestamp: string;
    readonly lifecycles: readonly [{ readonly phase: "build" }];
    readonly component: Component;
  };
  readonly components: readonly Component[];
  readonly dependencies: readonly Dependency[];
}

/**
 * One bill of everything in `parts`, in an order of its own: the same parts give the same bytes. `digest` is asked for the
 * SHA-256 (hex) of a text, and names the bill: two bills with one serial number say the same. `created` is in seconds since 1970.
 */
export function bill(
  subject: Component,
  needs: readonly string[],
  parts: readonly Parts[],
  created: number,
  digest: (text: string) => string,
): Bill {
  const components = parts.flatMap((part) => part.components).toSorted(by((component) => component["bom-ref"]));
  const dependencies = [
    { ref: subject["bom-ref"], dependsOn: needs.toSorted() },
    ...parts.flatMap((part) => part.dependencies).toSorted(by((dependency) => dependency.ref)),
  ];
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuid(digest(JSON.stringify([subject, components, dependencies])))}`,
    version: 1,
    metadata: {
      timestamp: new Date(created * 1000).toISOString(),
      lifecycles: [{ phase: "build" }],
      component: subject,
    },
    components,
    dependencies,
  };
}

/** RFC 9562 section 5.8: version 8, whose bits the application chooses; here those of a digest. */
function uuid(hex: string): string {
  const variant = "89ab"[Number.parseInt(hex.charAt(16), 16) & 3] ?? "8";
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}

function by<T>(key: (item: T) => string): (left: T, right: T) => number {
  return (left, right) => (key(left) < key(right) ? -1 : key(left) > key(right) ? 1 : 0);
}
