/** HTTPS records of steered names: what the service says, and the client's endpoints as hints. */
import assert from "node:assert/strict";
import test from "node:test";
import { compileHttps, type HttpsBinding } from "../../src/policy/compile-https.ts";
import type { Endpoint } from "../../src/policy/policy.ts";
import { types } from "../../src/wire/dns-constants.ts";
import { checkRdata } from "../../src/wire/dns-rdata.ts";
import {
  ask,
  extendedErrorOf,
  formatResponse,
  frontFor,
  snapshotOf,
  unknownLeaves,
  zonesFrom,
} from "../support/dns-front.ts";
import {
  type EndpointSketch,
  policyOf,
  pool,
  type ServiceSketch,
  split,
} from "../support/steer-fixture.ts";

const v6 = (last: number): Uint8Array => Uint8Array.of(32, 1, 13, 184, ...new Uint8Array(11), last);
const none = new Uint8Array(0);

interface Made {
  readonly https?: HttpsBinding;
  readonly service?: Partial<ServiceSketch>;
  readonly endpoints?: readonly Partial<Endpoint>[];
  readonly world?: readonly EndpointSketch[];
  readonly zones?: string;
}

function front({ https, service, endpoints, world, zones }: Made) {
  const sketch = { pools: [{ weights: [1] }], classes: [{ plan: pool(0) }], ...service };
  const base = policyOf([sketch]);
  const names = zonesFrom(zones ?? "$ORIGIN example.com\n@ STEERED 0\n*.w STEERED 0\nmx MX 1 mail");
  const policy = {
    ...base,
    ...unknownLeaves(),
    endpoints: base.endpoints.map((endpoint, i) => ({ ...endpoint, ...endpoints?.[i] })),
    services: base.services.map((of) => ({ ...of, https })),
    names,
  };
  return frontFor(snapshotOf(policy, world ?? []));
}

const lines = (made: Made, name = "example.com", type = "HTTPS") =>
  formatResponse(ask(front(made), { name, type }));
const bindingOf = (more: Partial<Parameters<typeof compileHttps>[0]> = {}) =>
  compileHttps({ alpn: ["h2"], hints: true, ...more });

test("answer() makes HTTPS records with hints of the picked endpoint", () => {
  const https = bindingOf({ alpn: ["h3", "h2"], port: 8443, ech: "AEP+DQA/" });
  const made = { https, endpoints: [{ ipv6: v6(1) }] };
  const data = '1 . alpn="h3,h2" port=8443 ipv4hint=10.0.0.0 ech=AEP+DQA/ ipv6hint=2001:db8::1';
  assert.deepEqual(lines(made), ["NOERROR aa rd", `an example.com. 30 HTTPS ${data}`]);
  assert.deepEqual(lines(made, "a.b.w.example.com")[1], `an a.b.w.example.com. 30 HTTPS ${data}`);
});

test("answer() hints at as many endpoints as an answer has, each address once", () => {
  const https = bindingOf();
  const service = { pools: [{ weights: [1, 1, 1] }], answers: 2, key: "client" } as const;
  const found = lines({ https, service })[1] ?? "";
  const hints = /ipv4hint=(\S+)/.exec(found)?.[1]?.split(",") ?? [];
  assert.equal(new Set(hints).size, 2);
  // The same as A has for this client, in its order.
  const addresses = lines({ https, service }, "example.com", "A").slice(1);
  assert.deepEqual(
    addresses,
    hints.map((hint) => `an example.com. 30 A ${hint}`),
  );
  const twins = [{ ipv4: Uint8Array.of(192, 0, 2, 7) }, { ipv4: Uint8Array.of(192, 0, 2, 7) }];
  const pools = [{ weights: [1, 1] }];
  const once = lines({ https, service: { ...service, pools }, endpoints: twins })[1];
  assert.match(once ?? "", /ipv4hint=192\.0\.2\.7$/);
});

test("answer() leaves hints out that there are none of, or that are not wanted", () => {
  const onlyV6 = { https: bindingOf(), endpoints: [{ ipv4: none, ipv6: v6(9) }] };
  assert.match(lines(onlyV6)[1] ?? "", /HTTPS 1 \. alpn="h2" ipv6hint=2001:db8::9$/);
  const bare = { https: bindingOf({ hints: false }), endpoints: [{ ipv6: v6(1) }] };
  assert.match(lines(bare)[1] ?? "", /HTTPS 1 \. alpn="h2"$/);
});

test("answer() hints at addresses that host names resolve to", () => {
  const endpoints = [{ ipv4: none, host: "a.example.net" }];
  const made = front({ https: bindingOf(), endpoints });
  const resolved = made.context.snapshot.world.resolved as Map<number, unknown>;
  const ipv4 = [Uint8Array.of(192, 0, 2, 8), Uint8Array.of(192, 0, 2, 9)];
  resolved.set(0, { ipv4, ipv6: [], resolvedAt: 0, staleReason: "" });
  const found = formatResponse(ask(made, { name: "example.com", type: "HTTPS" }))[1];
  assert.match(found ?? "", /ipv4hint=192\.0\.2\.8,192\.0\.2\.9$/);
});

test("answer() never hints at an endpoint outside of the client's residency", () => {
  const service = {
    pools: [{ weights: [1] }, { weights: [1] }],
    classes: [{ plan: split([1, pool(0)], [1, pool(1)]), allowed: [false, true] }],
  };
  for (let i = 0; i < 50; i++) {
    assert.match(lines({ https: bindingOf(), service })[1] ?? "", /ipv4hint=10\.0\.0\.1$/);
  }
});

test("answer() refuses HTTPS where it refuses A, and has NODATA where nothing is made", () => {
  const refusing = front({
    https: bindingOf(),
    service: { fallback: "refuse" },
    world: ["down"],
  });
  const message = ask(refusing, { name: "example.com", type: "HTTPS", edns: {} });
  assert.match(formatResponse(message)[0] ?? "", /^SERVFAIL/);
  assert.equal(extendedErrorOf(message), "0 no endpoint may serve this client");
  assert.match(lines({})[1] ?? "", /^au .* SOA /);
  assert.match(lines({ https: bindingOf() }, "mx.example.com")[1] ?? "", /^au .* SOA /);
  const zones = "$ORIGIN example.com\n@ STEERED 0\n@ HTTPS 1 . alpn=h3";
  assert.match(lines({ zones })[1] ?? "", /HTTPS 1 \. alpn="h3"$/);
});

test("compileHttps() gives data that is well-formed with any of its parts left out", () => {
  for (const port of [undefined, 443]) {
    for (const ech of [undefined, "AEP+DQA/"]) {
      const { head, ech: param } = bindingOf({ port, ech });
      assert.ok(checkRdata(types.https, Uint8Array.from([...head, ...param])));
    }
  }
});
