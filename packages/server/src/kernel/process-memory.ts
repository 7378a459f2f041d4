/**
 * What one process remembers of `owner`, a context or a store: made at the first question, and gone with its owner.
 * Each call makes a memory of its own.
 *
 *     const rate = processMemory((context: Context) => createRate(context.clock, perSource));
 *     rate(context).require(source.network);
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
