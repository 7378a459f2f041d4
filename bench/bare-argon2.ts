/**
 * Only Argon2id: verifies the same password again and again, one at a time on each core. For every input line with a count it
 * prints a line with the rate.
 */
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { hash, verify } from '@node-rs/argon2';
import { loginPassword } from './network.ts';

const stored = await hash(loginPassword, { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const count = Number(line);
  const begun = performance.now();
  let left = count;
  const work = async () => {
    while (left-- > 0) if (!(await verify(stored, loginPassword))) throw new Error('the password is not right');
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  process.stdout.write(`${(count / (performance.now() - begun)) * 1000}\n`);
}
