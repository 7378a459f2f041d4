/** The cookies that realms set for known devices, by key. With its cookie a device does not count as a stranger. */
export interface Devices {
  find(key: string): string | undefined;
  keep(key: string, cookie: string): void;
}

const bound = 10_000;

/** The number of devices is limited: the one with the oldest login is forgotten, and counts as a stranger again. */
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
