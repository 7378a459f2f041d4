import { type Checks, number, optional } from '../argument.ts';
import type { ProofCode } from '../error.ts';
import { type Link, readControllers } from './link.ts';
import type { RootCapability } from './root.ts';
import { isTargetWithin } from './target.ts';

/** What somebody may do, and pass on no more than that. */
export interface Authority {
  readonly controllers: readonly string[];
  readonly target: string;
  /** Undefined: every action. */
  readonly actions: readonly string[] | undefined;
  /** Epoch milliseconds, as are all times; infinity for a root. */
  readonly expires: number;
  readonly created: number;
}

export interface AttenuationTerms {
  /** The present, in epoch milliseconds. */
  readonly now: number;
  /** Milliseconds by which the clock of who delegates may be ahead of ours. An expiry is exact. Default 30,000. */
  readonly clockTolerance?: number | undefined;
  /** Milliseconds from the making of a delegation to its expiry, at most. Default: no limit of its own. */
  readonly maxLifetime?: number | undefined;
}

export const attenuationTermChecks: Checks<AttenuationTerms> = {
  now: number,
  clockTolerance: optional(number),
  maxLifetime: optional(number),
};

export const defaultTolerance = 30_000;

/** A root allows everything on its target, for ever. */
export function rootAuthority(root: RootCapability): Authority {
  const controllers = readControllers(root.controller) ?? [];
  return { controllers, target: root.invocationTarget, actions: undefined, expires: Infinity, created: -Infinity };
}

interface Check {
  readonly code: ProofCode;
  /** Of the link, as a pointer relative to it. */
  readonly member: string;
  /** Written so that a time that is not a number does not hold. */
  readonly holds: (link: Link, parent: Authority, terms: AttenuationTerms) => boolean;
}

/** All that a link must keep of what its parent allows, and of its own word. The order is that of the refusals. */
export const attenuationChecks: readonly Check[] = [
  {
    code: 'capability.target_exceeds',
    member: 'invocationTarget',
    holds: (link, parent) => isTargetWithin(link.target, parent.target),
  },
  {
    code: 'capability.actions_missing',
    member: 'allowedAction',
    holds: (link, parent) => parent.actions === undefined || link.actions !== undefined,
  },
  {
    code: 'capability.actions_exceed',
    member: 'allowedAction',
    holds: ({ actions = [] }, parent) => actions.every((action) => allows(parent, action)),
  },
  {
    code: 'capability.expires_exceeds',
    member: 'expires',
    holds: (link, parent) => link.expires <= parent.expires,
  },
  {
    code: 'capability.expired',
    member: 'expires',
    holds: (link, _, { now }) => now < link.expires && (link.proofExpires === undefined || now < link.proofExpires),
  },
  {
    code: 'capability.created_before_parent',
    member: 'proof/created',
    holds: (link, parent) => link.created >= parent.created,
  },
  {
    code: 'capability.created_in_future',
    member: 'proof/created',
    holds: (link, _, { now, clockTolerance = defaultTolerance }) => link.created <= now + clockTolerance,
  },
  {
    code: 'capability.expires_before_created',
    member: 'expires',
    holds: (link) => link.created < link.expires,
  },
  {
    code: 'capability.lifetime',
    member: 'expires',
    holds: (link, _, { maxLifetime }) => maxLifetime === undefined || link.expires - link.created <= maxLifetime,
  },
];

export function allows(authority: Pick<Authority, 'actions'>, action: string): boolean {
  return authority.actions === undefined || authority.actions.includes(action);
}

/** What a link that has passed all checks leaves of its parent's authority: the intersection of both. */
export function attenuated(parent: Authority, link: Link): Authority {
  const { controllers, target, actions = parent.actions, created } = link;
  const expires = Math.min(parent.expires, link.expires, link.proofExpires ?? Infinity);
  return { controllers, target, actions, expires, created };
}
