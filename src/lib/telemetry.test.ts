/**
 * telemetry.ts: what is counted is what the page shows, after crossing a socket and merging too.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRegistry, mergeDumps, renderPrometheus, secondsBounds } from "./telemetry.ts";

const page = (...registries: readonly ReturnType<typeof createRegistry>[]) =>
  renderPrometheus(mergeDumps(registries.map((registry) => registry.dump())));

test("renderPrometheus() prints counters, gauges and histograms as the format says", () => {
  const registry = createRegistry();
  const queries = registry.counter("rhumb_dns_queries_total", "Queries\nby outcome \\.", {
    values: { transport: ["udp", "tcp"], rcode: ["noerror", "refused"] },
  });
  queries.add(queries.row("tcp", "noerror"), 2);
  queries.add(1, 1);
  const up = registry.gauge("rhumb_endpoint_up", "Verdict.", {
    labels: ["endpoint"],
    rows: [['a"b\\c\n'], ["plain"]],
  });
  up.set(0, 1);
  const probe = registry.histogram("rhumb_probe_seconds", "Probes.", { bounds: [0.1, 1] });
  probe.observe(0, 0.1);
  probe.observe(0, 0.5);
  probe.observe(0, 3);
  registry.gauge("rhumb_build", "No labels.").set(0, Number.POSITIVE_INFINITY);
  assert.equal(
    page(registry),
    String.raw`# HELP rhumb_dns_queries_total Queries\nby outcome \\.
# TYPE rhumb_dns_queries_total counter
rhumb_dns_queries_total{transport="udp",rcode="noerror"} 0
rhumb_dns_queries_total{transport="udp",rcode="refused"} 1
rhumb_dns_queries_total{transport="tcp",rcode="noerror"} 2
rhumb_dns_queries_total{transport="tcp",rcode="refused"} 0
# HELP rhumb_endpoint_up Verdict.
# TYPE rhumb_endpoint_up gauge
rhumb_endpoint_up{endpoint="a\"b\\c\n"} 1
rhumb_endpoint_up{endpoint="plain"} 0
# HELP rhumb_probe_seconds Probes.
# TYPE rhumb_probe_seconds histogram
rhumb_probe_seconds_bucket{le="0.1"} 1
rhumb_probe_seconds_bucket{le="1"} 2
rhumb_probe_seconds_bucket{le="+Inf"} 3
rhumb_probe_seconds_sum 3.6
rhumb_probe_seconds_count 3
# HELP rhumb_build No labels.
# TYPE rhumb_build gauge
rhumb_build +Inf
`,
  );
});

test("mergeDumps() adds the parts' counters and histograms and takes the last gauge", () => {
  const amounts = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(amounts, (parts) => {
      const registries = parts.map((amount) => {
        const registry = createRegistry();
        registry.counter("c", "c", { values: { x: ["a", "b"] } }).add(1, amount);
        registry.gauge("g", "g").set(0, amount);
        registry.histogram("h", "h", { bounds: [500] }).observe(0, amount);
        return registry;
      });
      const lines = page(...registries).split("\n");
      const sum = parts.reduce((total, amount) => total + amount, 0);
      assert.ok(lines.includes(`c{x="b"} ${sum}`));
      assert.ok(lines.includes(`g ${parts.at(-1)}`));
      assert.ok(lines.includes(`h_sum ${sum}`));
      assert.ok(lines.includes(`h_count ${parts.length}`));
      assert.ok(
        lines.includes(`h_bucket{le="500"} ${parts.filter((amount) => amount <= 500).length}`),
      );
    }),
  );
});

test("mergeDumps() leaves out a family that another build declares differently", () => {
  const ours = createRegistry();
  ours.counter("c", "c", { values: { x: ["a"] } }).add(0, 1);
  const theirs = createRegistry();
  theirs.counter("c", "c", { values: { y: ["a"] } }).add(0, 5);
  assert.match(page(ours, theirs), /^c\{x="a"\} 1$/m);
});

test("dump() survives JSON", () => {
  const registry = createRegistry();
  registry.histogram("h", "h", { bounds: secondsBounds }).observe(0, 0.2);
  assert.deepEqual(JSON.parse(JSON.stringify(registry.dump())), registry.dump());
});

test("gauge() declared again replaces its rows, counter() declared again is a bug", () => {
  const registry = createRegistry();
  registry.gauge("g", "g", { values: { region: ["fra", "iad"] } }).set(0, 1);
  registry.gauge("g", "g", { values: { region: ["nrt"] } }).set(0, 1);
  assert.doesNotMatch(page(registry), /fra/);
  registry.counter("c", "c");
  assert.throws(() => registry.counter("c", "c"), /declared once/);
});

test("row() of undeclared labels is a bug, so labels stay bounded", () => {
  const counter = createRegistry().counter("c", "c", { values: { rcode: ["noerror"] } });
  assert.throws(() => counter.row("www.example.com"), /has a row/);
});

test("collect() runs before each dump", () => {
  const registry = createRegistry();
  const gauge = registry.gauge("g", "g");
  let runs = 0;
  registry.collect(() => gauge.set(0, ++runs));
  registry.dump();
  assert.match(page(registry), /^g 2$/m);
});

test("add() and observe() allocate nothing", () => {
  const registry = createRegistry();
  const counter = registry.counter("c", "c");
  const histogram = registry.histogram("h", "h", { bounds: secondsBounds });
  const burst = () => {
    for (let i = 0; i < 2_000_000; i++) {
      counter.add(0, 1);
      histogram.observe(0, i * 1e-6);
    }
  };
  burst();
  const before = process.memoryUsage().heapUsed;
  burst();
  // 4 million calls: one 8-byte number each would be 32 MB; a collection meanwhile only lowers it.
  assert.ok(process.memoryUsage().heapUsed - before < 2_000_000);
});
