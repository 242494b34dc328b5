/**
 * Some tests need what not every machine has: root with network namespaces, a built cosign, Debian packages.
 * Where it is missing they are skipped with the reason; where `SLUICE_TEST_REQUIRE` (a comma list, set by
 * `.ci/run`) names it, its absence is a failure instead.
 */
export function requirement(name: string, present: boolean, why: string): { readonly skip: string | false } {
  if (present) return { skip: false };
  const required = (process.env["SLUICE_TEST_REQUIRE"] ?? "").split(",").map((entry) => entry.trim());
  if (required.includes(name)) {
    throw new Error(`SLUICE_TEST_REQUIRE lists "${name}", but it is not available here: ${why}`);
  }
  return { skip: `SKIPPED, needs "${name}": ${why}` };
}
