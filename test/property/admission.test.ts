import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { jsonCost } from "../../controller/admission/json-cost.ts";
import { pathsAt } from "../../controller/admission/paths-at.ts";
import { readReview } from "../../controller/admission/read-review.ts";
import { OPERATIONS } from "../../controller/admission/review.ts";

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 });
const name = fc.stringMatching(/^[a-z0-9.-]{1,20}$/);

const request = fc.record({
  uid: fc.uuid(),
  operation: fc.constantFrom(...OPERATIONS),
  resource: fc.record({ group: name, version: name, resource: name }),
  subResource: fc.option(name),
  namespace: fc.option(name),
  name: fc.option(name),
  userInfo: fc.record({ username: fc.string({ minLength: 1 }), groups: fc.array(fc.string()) }),
  object,
  oldObject: object,
  dryRun: fc.option(fc.boolean()),
});
const whole = request.map((given) => ({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: given }));

test("no octets make the reader of reviews throw", () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map(octets),
    whole.map((review) => octets(JSON.stringify(review))),
  );
  fc.assert(
    fc.property(anything, fc.nat(400), (body, cut) => {
      for (const given of [body, body.subarray(0, cut)]) {
        const got = readReview(given);
        if (!got.ok) assert.match(got.problem, /^[^\n]{10,200}\.$/);
      }
    }),
    { numRuns: 500 },
  );
});

test("a whole review is read as it stands, whatever else is in it", () => {
  fc.assert(
    fc.property(whole, object, (review, more) => {
      const got = readReview(octets(JSON.stringify({ ...more, ...review, request: { ...more, ...review.request } })));
      assert.ok(got.ok);
      const { request: asked } = review;
      const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
      assert.deepEqual(
        [got.value.uid, got.value.operation, got.value.user, got.value.object, got.value.oldObject],
        [asked.uid, asked.operation, plain(asked.userInfo), plain(asked.object), plain(asked.oldObject)],
      );
      assert.deepEqual(
        [got.value.subResource, got.value.namespace, got.value.name, got.value.dryRun],
        [asked.subResource ?? "", asked.namespace ?? "", asked.name ?? "", asked.dryRun ?? false],
      );
    }),
    { numRuns: 300 },
  );
});

test("one member of another type makes it no review, or is one that we do not read", () => {
  const kinds = fc.constantFrom<unknown>(null, 7, true, "x y", [], {}, [{}]);
  fc.assert(
    fc.property(whole, fc.constantFrom("uid", "operation", "resource", "userInfo"), kinds, (review, member, wrong) => {
      const got = readReview(octets(JSON.stringify({ ...review, request: { ...review.request, [member]: wrong } })));
      assert.equal(got.ok, false);
    }),
  );
});

test("values are counted as a parser will make them", () => {
  const count = (value: unknown): number => {
    if (typeof value !== "object" || value === null) return 1;
    const parts = Object.values(value);
    return (
      1 +
      Math.max(
        parts.reduce((sum: number, part) => sum + count(part), 0),
        1,
      )
    );
  };
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const { values } = jsonCost(octets(JSON.stringify(value)));
      assert.ok(values <= count(value));
      assert.ok(values >= count(value) / 2);
    }),
  );
});

test("where a value begins is the path that leads to it", () => {
  const keys = fc.stringMatching(/^[a-z]{1,5}$/);
  const tree = fc.letrec((tie) => ({
    node: fc.oneof({ maxDepth: 3 }, fc.integer(), fc.string(), fc.array(tie("node"), { maxLength: 3 }), tie("map")),
    map: fc.dictionary(keys, tie("node"), { maxKeys: 3, noNullPrototype: true }),
  })).map;
  fc.assert(
    fc.property(tree, (value) => {
      // Written by hand, to know where each value begins.
      const places: (readonly [offset: number, path: string])[] = [];
      let text = "";
      const write = (part: unknown, path: string): void => {
        places.push([text.length, path]);
        if (Array.isArray(part)) {
          text += "[";
          for (const [index, item] of part.entries()) {
            if (index > 0) text += ",";
            write(item, `${path}[${index}]`);
          }
          text += "]";
        } else if (typeof part === "object" && part !== null) {
          text += "{";
          for (const [index, [key, item]] of Object.entries(part).entries()) {
            if (index > 0) text += ",";
            text += `${JSON.stringify(key)}:`;
            write(item, path === "" ? key : `${path}.${key}`);
          }
          text += "}";
        } else text += JSON.stringify(part);
      };
      write(value, "");
      assert.equal(text, JSON.stringify(value));
      assert.deepEqual(
        pathsAt(
          text,
          places.map(([offset]) => offset),
        ),
        places.map(([, path]) => path),
      );
    }),
    { numRuns: 300 },
  );
});
