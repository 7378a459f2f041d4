/** Runs the model beside a real server. */

import fc from 'fast-check';
import { expect } from 'vitest';
import { movedClock } from './clock.ts';
import { beginning, commands } from './password-commands.ts';
import { call, isDisabled, keepUnlocked, newCredential } from './password-model.ts';
import { pairs } from './password-pairs.ts';
import { corporate, said } from './passwords.ts';

/** So many runs on one server, each with a credential of its own that has a password and a session to begin with. */
export async function passwordRuns(databaseUrl: string, numRuns: number, maxCommands: number): Promise<void> {
  const clock = movedClock();
  const real = await corporate({
    databaseUrl,
    clock,
    withPassword: ['cred-1'],
    env: { COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1,::1', COUNTERSIGN_LOG_LEVEL: 'warn' },
  });
  const login = fc.constantFrom(...beginning.slice(1));
  const programs = fc.commands([...commands, login, login, pairs, pairs], { maxCommands, size: 'max' });
  await fc.assert(
    fc.asyncProperty(programs, fc.nat(9), async (program, dice) => {
      const begun = await newCredential(real, () => clock.advance(3_601_000));
      if (dice > 0) await fc.asyncModelRun(() => begun, beginning);
      await fc.asyncModelRun(() => begun, program);
      await requireOnlyTheNewest(begun);
    }),
    { numRuns, endOnFailure: true },
  );
  expect(real.server.logged.filter((line) => /"level":(50|60)|"error"/.test(line))).toEqual([]);
}

/** Of all the passwords that the credential has had, only the newest logs in, and only if nothing speaks against it. */
async function requireOnlyTheNewest({ model, real }: Awaited<ReturnType<typeof newCredential>>): Promise<void> {
  for (const [index, { password, expired, compromised }] of [...model.versions.entries()].slice(-3)) {
    await keepUnlocked(model, real);
    model.guesses++;
    const answer = await call(real, '/auth/login', undefined, { credentialCode: real.code, password });
    const isNewest = index === model.versions.length - 1;
    const shut = !isNewest || isDisabled(model) || compromised;
    expect(said(answer)).toBe(shut ? '403 FAILED_LOGIN' : expired ? '409 EXPIRED_PASSWORD' : '200');
  }
}
