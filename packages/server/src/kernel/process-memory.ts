/**
 * The memory of one process about `owner`, a context or a store. Made at the first call, and gone with its owner. Each
 * call of
 * `processMemory` makes a separate memory.
 *
 * `const rate = processMemory((context: Context) => createRate(context.clock, perSource));`
 * `rate(context).require(source.network);`
 */
export function processMemory<Owner extends object, Memory>(make: (owner: Owner) => Memory): (owner: Owner) => Memory {
  const memories = new WeakMap<Owner, Memory>();
  return (owner) => {
    const known = memories.get(owner);
    if (known !== undefined || memories.has(owner)) return known as Memory;
    const memory = make(owner);
    memories.set(owner, memory);
    return memory;
  };
}
