import { statfsSync } from 'node:fs';
import { createTokenSource } from '@countersign/client';
import { type Config, loadConfig } from '../../config.ts';
import type { Context } from '../../context.ts';
import { systemClock } from '../../kernel/clock.ts';
import { createLog } from '../../kernel/log.ts';
import { Problem } from '../../kernel/problem.ts';
import { createContext } from '../../server.ts';
import { administratorOf } from '../api.ts';
import { lookAtStore, postgresChecks, storeChecks } from './database.ts';
import { error, type Finding, listOf, unknown } from './finding.ts';
import { insideChecks } from './inside.ts';
import type { Around, Check, Outside } from './look.ts';
import { machineChecks, permissionChecks } from './machine.ts';
import { outsideChecks } from './outside.ts';
import { settingChecks } from './settings.ts';

export interface Examining extends Partial<Pick<Around, 'clock' | 'space' | 'peers'>> {
  /** A file with the administrator, if not the configured one. */
  readonly profile?: string;
}

/**
 * Looks at everything that can be wrong with a server, from the configuration outwards: settings and the machine, the
 * database, what is in it, and the server as the outside sees it. One cause gives one finding, so an error ends the way:
 * behind a database that does not answer there is nothing to see.
 */
export async function examine(
  env: Parameters<typeof loadConfig>[0],
  options: Examining = {},
): Promise<readonly Finding[]> {
  const look = configured(env, options);
  if ('severity' in look) return [look];
  const around = [
    ...(await all(look, settingChecks)),
    ...(await all(look, permissionChecks)),
    ...(await all(look, machineChecks)),
  ];
  // The server does not start with open files, and opening a database would close them.
  if (
    around.some(
      ({ id }) =>
        id.startsWith('permissions.') && id !== 'permissions.secret_file' && id !== 'permissions.network_file',
    )
  )
    return around;
  return [...around, ...(await throughStore(look, options))];
}

function configured(env: Parameters<typeof loadConfig>[0], options: Examining): Around | Finding {
  const { clock = systemClock, space = freeSpace, peers = [] } = options;
  try {
    return { clock, space, peers, ...loadConfig(env) };
  } catch (thrown) {
    if (!(thrown instanceof Problem)) throw thrown;
    return error(
      'settings.invalid',
      thrown.message,
      `${/COUNTERSIGN_\w+/.exec(thrown.message)?.[0] ?? 'the configuration'}=…`,
    );
  }
}

function freeSpace(path: string): { readonly free: number } {
  const { bavail, bsize } = statfsSync(path);
  return { free: bavail * bsize };
}

async function throughStore(look: Around, options: Examining): Promise<readonly Finding[]> {
  const facts = await lookAtStore(look);
  if ('severity' in facts) return [facts];
  const { postgres } = facts;
  const found = [
    ...(await all({ ...look, facts }, storeChecks)),
    ...(postgres === undefined ? [] : await all({ ...look, postgres }, postgresChecks)),
  ];
  if (found.some(({ severity }) => severity === 'error')) return found;
  const context = await opened(look);
  if ('severity' in context) return [...found, context];
  try {
    return [...found, ...(await within(look, context, options))];
  } finally {
    await context.hasher.close();
    await context.store.close();
  }
}

async function opened({ config, clock }: Around): Promise<Context | Finding> {
  try {
    return await createContext(config, { clock, log: createLog('silent'), store: 'existing' });
  } catch (thrown) {
    if (!(thrown instanceof Problem) || thrown.code !== 'config.invalid') throw thrown;
    return error('keys.master', thrown.message, 'COUNTERSIGN_MASTER_KEY or master.key with the key of this database');
  }
}

async function within(look: Around, context: Context, { profile }: Examining): Promise<readonly Finding[]> {
  const inside = { ...look, context };
  const found = await all(inside, insideChecks);
  if (found.some(({ id }) => id === 'keys.missing')) return found;
  // Asked for only where the server answers.
  const outside = await inOrder(inside, outsideChecks, () => administratorAt(look.config, profile));
  return [...found, ...outside];
}

/** The checks that need a token are the last ones. */
async function inOrder(
  inside: Outside,
  checks: readonly Check<Outside>[],
  administrator: () => Promise<Required<Outside>['administrator'] | Finding>,
): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  let look = inside;
  for (const [index, check] of checks.entries()) {
    if (index === tokenFrom) {
      // A check has failed, so another server may be there: it gets no secret.
      if (found.some(({ severity }) => severity === 'unknown')) break;
      const got = await administrator();
      if ('severity' in got) return [...found, got];
      look = { ...look, administrator: got };
    }
    found.push(...(await all(look, [check])));
    if (found.some(({ severity }) => severity === 'error')) break;
  }
  return found;
}

const tokenFrom = outsideChecks.length - 2;

async function administratorAt(
  config: Config,
  profile: string | undefined,
): Promise<Required<Outside>['administrator'] | Finding> {
  const nothing = (why: string) =>
    unknown(
      'administrator',
      `Proxies and the status feed were not looked at: ${why}.`,
      'COUNTERSIGN_ADMIN_CLIENT_ID and …_SECRET of the server, or --profile <file>',
    );
  try {
    const known = administratorOf(config, profile);
    if (known === undefined) return nothing('no administrator is known here');
    const { realm = 'system', clientId, clientSecret } = known;
    const issuer = `${config.publicUrl}/realms/${realm}`;
    return { realm, token: await createTokenSource({ issuer, resource: issuer, clientId, clientSecret }).token() };
  } catch (thrown) {
    return nothing(`the administrator gets no token (${thrown instanceof Error ? thrown.message : 'unknown'})`);
  }
}

/** A check that fails says so, and the others go on. */
async function all<L>(look: L, checks: readonly Check<L>[]): Promise<readonly Finding[]> {
  const found = checks.map(async (check) => {
    try {
      return listOf(await check(look));
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message.split('\n', 1)[0] : 'unknown';
      return [unknown('doctor', `A check failed: ${reason}.`, 'run it again')];
    }
  });
  return (await Promise.all(found)).flat();
}
