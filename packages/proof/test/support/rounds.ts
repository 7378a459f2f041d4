/**
 * How often a test repeats what is random: as often as was promised under CI, less often where a person waits. Soak tests
 * repeat more.
 */
export const rounds = (underCi: number, elsewhere = Math.ceil(underCi / 5)): number =>
  process.env.CI ? underCi : elsewhere;
