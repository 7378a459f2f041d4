/**
 * Whether a request that a proxy has received may go on: the rules of `bearer` in the SDK, for APIs behind nginx, Traefik or Envoy.
 *
 * 1. The token is of this realm, valid, and alive now.
 * 2. It is for the API: `aud` names it. A signed subject or a wallet's token for the issuer is for no API.
 * 3. Its subject is of an accepted kind.
 * 4. A bound token comes with a proof of its key for the original request, which a trusted proxy has named.
 * 5. It allows what the route asks for.
 */
import type { Subject } from '@countersign/proof';
import type { Context } from '../../context.ts';
import { audienceName } from '../../kernel/audience-name.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Realm } from '../realm.ts';
import { inspectToken, requireAlive } from './bearer.ts';
import { type PresentedToken, requirePossession } from './possession.ts';

/** What a proxy asks for, as `bearer` of the SDK names it. */
interface Wanted {
  readonly audience: string;
  readonly scope: readonly string[];
  readonly role?: readonly string[] | undefined;
  readonly accept: readonly Subject['kind'][];
}

/** Step 1. @throws {Problem} `token.invalid` */
export async function liveSubject(context: Context, realm: Realm, token: string): Promise<Subject> {
  const { subject } = await inspectToken(context, realm, token);
  await requireAlive(context, realm.name, subject);
  return subject;
}

/** @throws {Problem} `token.*`, `dpop.*` */
export async function requireAllowed(
  context: Context,
  realm: Realm,
  subject: Subject,
  presented: PresentedToken,
  wanted: Wanted,
): Promise<void> {
  requireAudience(realm, subject, wanted.audience);
  if (!wanted.accept.includes(subject.kind)) throw refused('this kind of subject is not accepted');
  await requirePossession(context, realm, subject, presented);
  if (!wanted.scope.every((one) => subject.scopes.includes(one))) {
    throw new Problem('token.insufficient_scope', { members: { scope: wanted.scope.join(' ') } });
  }
  if (wanted.role !== undefined && !wanted.role.some((one) => subject.roles.includes(one))) {
    throw new Problem('token.insufficient_role');
  }
}

function requireAudience({ issuer }: Realm, { kind, audience }: Subject, wanted: string): void {
  const name = audienceName(wanted);
  const isForIssuerOnly = (kind === 'credential' || kind === 'wallet') && name === audienceName(issuer);
  if (isForIssuerOnly || !audience.some((one) => audienceName(one) === name)) throw new Problem('token.audience');
}

function refused(reason: string): Problem {
  return new Problem('token.invalid', { reason });
}
