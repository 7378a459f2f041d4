/** Memory that large bodies share while they are verified. A body larger than all of it waits until it is alone. */
export interface Room {
  with<T>(bytes: number, act: () => Promise<T>): Promise<T>;
}

export function createRoom(total: number): Room {
  let used = 0;
  let waiting: (() => void)[] = [];
  return {
    async with(bytes, act) {
      while (used > 0 && used + bytes > total) await new Promise<void>((resolve) => waiting.push(resolve));
      used += bytes;
      try {
        return await act();
      } finally {
        used -= bytes;
        const woken = waiting;
        waiting = [];
        for (const wake of woken) wake();
      }
    },
  };
}
