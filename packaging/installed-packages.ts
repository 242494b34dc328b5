import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Every package below `root`/node_modules, nested ones too: its place (`node_modules/a/node_modules/@b/c`) and its version. */
export function installedPackages(root: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const visit = (modules: string): void => {
    if (!existsSync(join(root, modules))) return;
    for (const name of readdirSync(join(root, modules))) {
      if (name.startsWith(".")) continue;
      const names = name.startsWith("@")
        ? readdirSync(join(root, modules, name)).map((part) => `${name}/${part}`)
        : [name];
      for (const full of names) {
        const place = `${modules}/${full}`;
        const { version } = JSON.parse(readFileSync(join(root, place, "package.json"), "utf8")) as { version?: string };
        found.set(place, version ?? "");
        visit(`${place}/node_modules`);
      }
    }
  };
  visit("node_modules");
  return found;
}
