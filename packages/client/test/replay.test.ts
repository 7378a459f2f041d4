import { describe, expect, test } from 'vitest';
import { createMemoryReplayStore } from '../src/index.ts';

const minute = 60_000;

function store(max?: number) {
  const clock = { now: 1_000_000_000 };
  const options = { now: () => clock.now, ...(max === undefined ? {} : { max }) };
  const { seen } = createMemoryReplayStore(options);
  let made = 0;
  /** As many keys of one sender as are taken, at most `most`. */
  const fill = (sender: string | undefined, most = 1_000_000) => {
    let taken = 0;
    try {
      while (taken < most) {
        if (seen(`${sender} ${made++}`, clock.now + minute, sender)) throw new Error('A new key was known.');
        taken++;
      }
    } catch (error) {
      expect(error).toMatchObject({ code: 'replay.full' });
    }
    return taken;
  };
  return { clock, seen, fill };
}

describe('a sender that fills the memory of replays', () => {
  test('is refused alone: the others go on', () => {
    const { fill } = store(1_000);
    expect(fill('flood')).toBe(500);
    expect(fill('flood')).toBe(0);
    expect(fill('lender', 100)).toBe(100);
    expect(fill('agent', 100)).toBe(100);
    expect(fill('flood')).toBe(0);
  });

  test('shares it with others that do the same, and all of them leave room for one more', () => {
    const { fill } = store(1_000);
    for (let round = 0; round < 200; round++) for (let i = 0; i < 9; i++) fill(`flood ${i}`, 1);
    for (let i = 0; i < 9; i++) expect(fill(`flood ${i}`)).toBe(0);
    expect(fill('lender', 50)).toBe(50);
  });

  test('has room again as soon as its messages are too old to come again', () => {
    const { clock, fill, seen } = store(1_000);
    fill('flood');
    clock.now += minute;
    expect(seen('flood 0', clock.now, 'flood')).toBe(true);
    clock.now += 1_000;
    expect(fill('flood')).toBe(500);
  });

  test('costs next to nothing while it is refused', () => {
    const { clock, fill, seen } = store();
    expect(fill('flood')).toBe(100_000);
    const began = process.cpuUsage();
    let refused = 0;
    for (let i = 0; i < 20_000; i++) {
      try {
        if (seen(`more ${i}`, clock.now + minute, 'flood')) break;
      } catch (error) {
        if (String(error).includes('share')) refused++;
      }
    }
    const { user, system } = process.cpuUsage(began);
    expect(refused).toBe(20_000);
    // A look at all that is remembered takes milliseconds: here it would be a minute.
    expect((user + system) / 1_000).toBeLessThan(5_000);
  });
});

test('without a sender the whole memory is filled', () => {
  expect(store(1_000).fill(undefined)).toBe(1_000);
});

test('a key whose time is extended is remembered that long, and then new', () => {
  const { clock, seen } = store();
  expect(seen('a', clock.now + 1_000)).toBe(false);
  expect(seen('a', clock.now + minute)).toBe(true);
  clock.now += 30_000;
  expect(seen('b', clock.now + 1_000)).toBe(false);
  expect(seen('a', clock.now)).toBe(true);
  clock.now += minute;
  expect(seen('a', clock.now + 1_000)).toBe(false);
  expect(seen('a', clock.now + 1_000)).toBe(true);
});

test('a store that only reports forgets the oldest keys', () => {
  const { seen } = createMemoryReplayStore({ max: 10, whenFull: 'forget', now: () => 0 });
  for (let i = 0; i < 11; i++) expect(seen(`k ${i}`, minute, 'flood')).toBe(false);
  expect(seen('k 1', minute, 'flood')).toBe(true);
  expect(seen('k 0', minute, 'flood')).toBe(false);
});
