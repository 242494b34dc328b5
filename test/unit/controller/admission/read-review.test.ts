import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonCost } from "../../../../controller/admission/json-cost.ts";
import { MOST_DEPTH, MOST_VALUES, readReview } from "../../../../controller/admission/read-review.ts";
import { reviewOf } from "./webhook-client.ts";

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = (value: unknown): ReturnType<typeof readReview> => readReview(octets(JSON.stringify(value)));
const envelope = (members: object): object => ({ ...reviewOf(), ...members });

test("what is read of a whole review", () => {
  const got = read(reviewOf());
  assert.ok(got.ok);
  assert.deepEqual(got.value, {
    uid: "705ab4f5-6393-11e8-b7cc-42010a800002",
    operation: "CREATE",
    resource: { group: "", version: "v1", resource: "pods" },
    subResource: "",
    namespace: "research",
    name: "",
    user: { username: "alice", groups: ["system:authenticated"] },
    object: { apiVersion: "v1", kind: "Pod", metadata: {}, spec: {} },
    oldObject: undefined,
    dryRun: false,
  });
});

test("members that we do not know are ignored, as Kubernetes ignores them", () => {
  assert.ok(read({ ...reviewOf({ future: { deep: [1] } }), response: null, more: true }).ok);
});

const broken: readonly (readonly [name: string, body: Uint8Array, problem: RegExp])[] = [
  ["nothing", octets(""), /not JSON/],
  ["half of it", octets(JSON.stringify(reviewOf()).slice(0, -20)), /not JSON/],
  ["text behind it", octets(`${JSON.stringify(reviewOf())}x`), /not JSON/],
  ["a byte order mark", octets(`\u{feff}${JSON.stringify(reviewOf())}`), /not JSON/],
  ["octets that are not UTF-8", Uint8Array.of(0x22, 0xff, 0x22), /not JSON in UTF-8/],
  ["a lone half of UTF-16 in UTF-8", Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), /not JSON in UTF-8/],
  ["null", octets("null"), /not a JSON object/],
  ["a list", octets("[]"), /not a JSON object/],
  ["a text", octets('"AdmissionReview"'), /not a JSON object/],
  ["an older version", octets(JSON.stringify(envelope({ apiVersion: "admission.k8s.io/v1beta1" }))), /^apiVersion/],
  ["another kind", octets(JSON.stringify(envelope({ kind: "Pod" }))), /^kind/],
  ["no request", octets(JSON.stringify(envelope({ request: undefined }))), /^request is not/],
  ["a request of null", octets(JSON.stringify(envelope({ request: null }))), /^request is not/],
  ["too many values", octets(`[${"{},".repeat(MOST_VALUES)}{}]`), /more than 60000 values/],
  ["too deep", octets("[".repeat(MOST_DEPTH + 1)), /nested deeper/],
  ["four million brackets", octets("[".repeat(4 * 1024 * 1024)), /more than/],
];

for (const [name, body, problem] of broken) {
  test(`a body of ${name} is no review`, () => {
    const got = readReview(body);
    assert.ok(!got.ok);
    assert.match(got.problem, problem);
  });
}

const members: readonly (readonly [name: string, request: Record<string, unknown>, problem: RegExp])[] = [
  ["no uid", { uid: undefined }, /request\.uid/],
  ["an empty uid", { uid: "" }, /request\.uid/],
  ["a uid that is a number", { uid: 7 }, /request\.uid/],
  ["a uid with a line end", { uid: "a\nb" }, /request\.uid/],
  ["a uid of 129 characters", { uid: "a".repeat(129) }, /request\.uid/],
  ["no operation", { operation: undefined }, /request\.operation/],
  ["an operation in small letters", { operation: "create" }, /request\.operation/],
  ["an operation of every object's", { operation: "toString" }, /request\.operation/],
  ["a dryRun that is a text", { dryRun: "true" }, /request\.dryRun/],
  ["no resource", { resource: null }, /request\.resource is not/],
  ["a resource that is a text", { resource: "pods" }, /request\.resource is not/],
  ["a resource without a name", { resource: { group: "", version: "v1" } }, /resource\.resource/],
  ["a resource without a version", { resource: { group: "", resource: "pods" } }, /resource\.version/],
  ["a group that is a number", { resource: { group: 1, version: "v1", resource: "pods" } }, /resource\.group/],
  ["a subresource that is an object", { subResource: {} }, /request\.subResource/],
  ["a namespace with a slash", { namespace: "a/b" }, /request\.namespace/],
  ["a namespace of 254 characters", { namespace: "a".repeat(254) }, /request\.namespace/],
  ["a name that is a list", { name: ["x"] }, /request\.name/],
  ["no userInfo", { userInfo: undefined }, /request\.userInfo is not/],
  ["a user without a name", { userInfo: {} }, /userInfo\.username/],
  ["a user with an empty name", { userInfo: { username: "" } }, /userInfo\.username/],
  ["groups that are a text", { userInfo: { username: "a", groups: "b" } }, /userInfo\.groups/],
  ["groups with a number", { userInfo: { username: "a", groups: [1] } }, /userInfo\.groups/],
  ["a CREATE without an object", { object: null }, /request\.object is missing/],
  ["an UPDATE without the old object", { operation: "UPDATE" }, /request\.oldObject is missing/],
  ["a DELETE without the old object", { operation: "DELETE", object: null }, /request\.oldObject is missing/],
  ["an object that is a list", { object: [] }, /request\.object is not/],
  ["an object that is a text", { object: "{}" }, /request\.object is not/],
  ["an old object that is a number", { oldObject: 1 }, /request\.oldObject is not/],
];

for (const [name, request, problem] of members) {
  test(`a review with ${name} is refused`, () => {
    const got = read(reviewOf(request));
    assert.ok(!got.ok);
    assert.match(got.problem, problem);
  });
}

test("what a JSON text will cost is counted outside of its texts only", () => {
  const cost = (text: string): readonly number[] => {
    const { values, depth } = jsonCost(octets(text));
    return [values, depth];
  };
  assert.deepEqual(cost("1"), [1, 0]);
  assert.deepEqual(cost("[1,2,[3]]"), [5, 2]);
  assert.deepEqual(cost('{"a":"[[[,,,","b":"\\"[{","c":"\\\\"}'), [4, 1]);
});
