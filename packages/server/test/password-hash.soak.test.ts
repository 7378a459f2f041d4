import { expect, onTestFinished, test } from 'vitest';
import { systemRandom } from '../src/kernel/random.ts';
import { createHasher } from '../src/subject/secrets/password-hash.ts';
import { noPeppers } from './support/pepper.ts';

/** The chance that a time of the first kind is longer than one of the second: 0.5 when nobody can tell them apart. */
function areaUnderCurve(one: readonly number[], other: readonly number[]): number {
  const all = [...one.map((time) => [time, 1] as const), ...other.map((time) => [time, 0] as const)];
  all.sort(([a], [b]) => a - b);
  const ranks = all.reduce((sum, [, kind], index) => sum + kind * (index + 1), 0);
  return (ranks - (one.length * (one.length + 1)) / 2) / (one.length * other.length);
}

test('nobody tells an unknown credential from a wrong password by the time of 2,000 tries each', async () => {
  const hasher = createHasher({ random: systemRandom, peppers: noPeppers });
  onTestFinished(() => hasher.close());
  const stored = await hasher.hash('the right one, of course');
  const times = { unknown: [] as number[], wrong: [] as number[] };
  const time = async (kind: keyof typeof times) => {
    const begun = performance.now();
    await hasher.verify(kind === 'unknown' ? undefined : stored, 'a wrong one, of course');
    times[kind].push(performance.now() - begun);
  };
  for (let round = 0; round < 2_000; round++) {
    const order = round % 2 === 0 ? (['unknown', 'wrong'] as const) : (['wrong', 'unknown'] as const);
    for (const kind of order) await time(kind);
  }
  const area = areaUnderCurve(times.unknown, times.wrong);
  expect(Math.max(area, 1 - area)).toBeLessThan(0.55);
});
