/** One of several programs that are measured side by side. `round` returns a rate: a larger one is faster. */
export interface Contender<Name extends string> {
  readonly name: Name;
  round(): Promise<number>;
}

/** The rate of each contender in each round. */
export type Rates<Name extends string> = Readonly<Record<Name, readonly number[]>>;

/**
 * Runs every contender once a round, and begins each round with another one, so that other work on the machine affects all
 * alike.
 */
export async function rotate<Name extends string>(
  contenders: readonly Contender<Name>[],
  rounds: number,
): Promise<Rates<Name>> {
  const rates = Object.fromEntries(contenders.map(({ name }) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(round + turn) % contenders.length] as Contender<Name>;
      rates[contender.name].push(await contender.round());
    }
  }
  return rates;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1
      ? (sorted[middle] as number)
      : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
  return { median, min: sorted[0] as number, max: sorted.at(-1) as number };
}

/** Ratios of two rates of the same round. */
export function ratio(ours: readonly number[], theirs: readonly number[]): Spread {
  return spread(ours.map((rate, round) => rate / (theirs[round] as number)));
}
