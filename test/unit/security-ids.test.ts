import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";

const ID = /INV-[A-Z0-9]+(?:-[A-Z0-9]+)*/g;

test("each invariant of SECURITY.md is the name of a test, and each such test is in SECURITY.md", () => {
  const promised = new Set(readFileSync("SECURITY.md", "utf8").match(ID) ?? []);
  const tested = new Set(globSync("test/**/*.test.ts").flatMap((file) => readFileSync(file, "utf8").match(ID) ?? []));
  assert.deepEqual(
    [...promised].filter((id) => !tested.has(id)),
    [],
    "promised, but not tested",
  );
  assert.deepEqual(
    [...tested].filter((id) => !promised.has(id)),
    [],
    "tested, but not promised",
  );
});
