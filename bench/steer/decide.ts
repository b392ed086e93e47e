/** One decision with its reasons: all whole, and with a region down and another in its ramp. */
import type { ClassIndex, ServiceIndex } from "../../src/policy/policy.ts";
import { serviceCarry } from "../../src/steer/carry.ts";
import { decide } from "../../src/steer/decide.ts";
import { attempt } from "../../src/steer/plan-shares.ts";
import { worldOf } from "../../test/support/steer-fixture.ts";
import { medianMs, modelPolicy } from "../../test/support/steer-model.ts";

const classes = 12;
const policy = modelPolicy({ services: 1, classes });
const service = 0 as ServiceIndex;
const worlds = {
  "all whole": worldOf(policy, []),
  "a region down, one ramping": worldOf(policy, ["down", "down", 64, 64]),
};
const rounds = 200;
const perRound = 50;

const results: { name: string; value: number; unit: string }[] = [];
for (const [name, world] of Object.entries(worlds)) {
  const decideMs = medianMs(rounds, () => {
    for (let i = 0; i < perRound; i++) decide(policy, world, service, (i % classes) as ClassIndex);
  });
  results.push({ name: `decide, ${name}`, value: (decideMs * 1000) / perRound, unit: "us/op" });
  const [only] = policy.services;
  const carry = serviceCarry(policy, world, service);
  const plans = policy.ruleSets[0]?.classes ?? [];
  const attemptMs = medianMs(rounds, () => {
    for (let i = 0; i < perRound; i++) {
      const classPlan = plans[i % classes];
      if (only !== undefined && classPlan !== undefined) attempt(only, classPlan, carry);
    }
  });
  results.push({ name: `shares, ${name}`, value: (attemptMs * 1000) / perRound, unit: "us/op" });
}
console.log(JSON.stringify({ results }));
