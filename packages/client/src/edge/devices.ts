/** What realms leave at a device that somebody has logged in from, by a key: it says whose guesses are the owner's. */
export interface Devices {
  find(key: string): string | undefined;
  keep(key: string, cookie: string): void;
}

const bound = 10_000;

/** Bounded: whoever logged in longest ago is a stranger again. */
export function createDevices(): Devices {
  const held = new Map<string, string>();
  return {
    find: (key) => held.get(key),
    keep(key, cookie) {
      held.delete(key);
      held.set(key, cookie);
      const oldest = held.size > bound ? held.keys().next().value : undefined;
      if (oldest !== undefined) held.delete(oldest);
    },
  };
}
