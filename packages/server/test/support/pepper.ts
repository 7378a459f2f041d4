import type { Peppers } from '../../src/subject/secrets/pepper.ts';

/** Peppers by their numbers, from 1 on; the last one is the current one. */
export function peppersOf(...keys: readonly Uint8Array[]): Peppers {
  const peppers = keys.map((key, i) => ({ number: i + 1, key, activeAt: 0 }));
  return {
    current: async () => peppers.at(-1),
    async named(number) {
      const pepper = peppers[number - 1];
      if (pepper === undefined) throw new Error('no such pepper');
      return pepper;
    },
  };
}

/** As before the first one has begun. */
export const noPeppers: Peppers = peppersOf();
